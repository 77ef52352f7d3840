//! What ranking distillation adds to a base model's step, at CiteULike's size.
//!
//! `cargo bench --bench distill_ranking -- --quick`

mod support;

use criterion::Criterion;
use harness::optim::Adam;
use harness::rng::Stream;
use reproductions::dcd::{self, Correction};
use reproductions::de_rrd::rrd::{self, Rrd};
use reproductions::models::bpr::{FusedBpr, of_tables};
use reproductions::models::{self, Recommender, Side, Term, TopLists};
use support::{ITEMS, USERS};

/// Factors of the student.
const DIM: usize = 20;
/// Pairs, and distinct users and positive items, of a batch on CiteULike.
const BATCH: [usize; 3] = [1024, 716, 959];
/// Batches between which a row is not met again soon.
const BATCHES: usize = 100;

struct Batch {
    triples: Vec<[u32; 3]>,
    users: Vec<u32>,
    items: Vec<u32>,
}

fn batches() -> Vec<Batch> {
    let mut stream = Stream::new(0, "bench", "dcd", 0);
    let [pairs, users, items] = BATCH;
    let batch = |_| {
        let users = stream.without_replacement(USERS as u32, users);
        let items = stream.without_replacement(ITEMS as u32, items);
        let triple = |k: usize| [users[k % users.len()], items[k % items.len()], stream.below(ITEMS as u32)];
        let triples = (0..pairs).map(triple).collect();
        Batch { triples, users, items }
    };
    (0..BATCHES).map(batch).collect()
}

fn student() -> FusedBpr {
    let mut stream = Stream::new(0, "bench", "student", 0);
    FusedBpr::new(of_tables(DIM, stream.normals(USERS * DIM, 0.1), stream.normals(ITEMS * DIM, 0.1))).unwrap()
}

/// Both sides. A list is a stretch of a fixed random order of its partners.
fn corrections() -> [Correction; 2] {
    let options = dcd::DcdOptions {
        list: 500,
        sampled: 40,
        top: dcd::Positions::Sampled { epsilon: 0.1.try_into().expect("above 0") },
    };
    [(Side::User, USERS, ITEMS, 1e-3), (Side::Item, ITEMS, USERS, 5e-4)].map(|(side, owners, partners, weight)| {
        let mut stream = Stream::new(0, "bench", "lists", owners as u64);
        let order = stream.permutation(partners);
        let ids = (0..owners).flat_map(|_| {
            let first = stream.below((partners - options.list) as u32) as usize;
            order[first..first + options.list].to_vec()
        });
        Correction::new(side, weight, options, TopLists::new(options.list, ids.collect()))
    })
}

fn dcd_parts(criterion: &mut Criterion) {
    let (batches, mut student, mut sides) = (batches(), student(), corrections());
    let mut refresh = || sides.iter_mut().try_for_each(|side| side.refresh(&mut student)).expect("finite scores");
    // Draws depend on it, whichever bench is asked for.
    refresh();
    criterion.bench_function("distill/dcd/refresh/citeulike", |bencher| bencher.iter(&mut refresh));
    let mut cycle = batches.iter().cycle();
    let mut stream = Stream::new(0, "bench", "draws", 0);
    criterion.bench_function("distill/dcd/draws/citeulike", |bencher| {
        bencher.iter(|| {
            let batch = cycle.next().expect("an endless cycle");
            [sides[0].draw(&batch.users, &mut stream), sides[1].draw(&batch.items, &mut stream)]
        });
    });
    let adam = Adam { learning_rate: 1e-3, weight_decay: 1e-3 };
    for (name, distils) in [("base", false), ("step", true)] {
        criterion.bench_function(&format!("distill/dcd/{name}/citeulike/d{DIM}"), |bencher| {
            bencher.iter(|| {
                let batch = cycle.next().expect("an endless cycle");
                let mut loss = student.forward_backward(&batch.triples).expect("a finite step");
                if distils {
                    for (side, owners) in sides.iter().zip([&batch.users, &batch.items]) {
                        loss += side.add(owners, &mut stream, &mut student).expect("a finite step");
                    }
                }
                student.step(&adam).expect("a finite step");
                loss
            });
        });
    }
}

/// K = L = 40 of lists of 500; the base step is that of DCD's bench.
fn rrd_parts(criterion: &mut Criterion) {
    let (batches, mut student) = (batches(), student());
    let mut stream = Stream::new(0, "bench", "lists", 0);
    let lists = (0..USERS).flat_map(|_| stream.without_replacement(ITEMS as u32, 500)).collect();
    let top = rrd::Interesting::Sampled { sharpness: 10.0.try_into().expect("above 0") };
    let lambda = 1e-3.try_into().expect("at least 0");
    let [list, interesting, uninteresting] = [500, 40, 40].map(|count: usize| count.try_into().expect("at least 1"));
    let options = rrd::RrdOptions { lambda, list, interesting, uninteresting, top };
    let seen = support::split(1).train.sorted();
    let mut term = Rrd::of_lists(options, TopLists::new(500, lists), &seen, ITEMS).expect("items enough");
    let mut epoch = 0;
    criterion.bench_function("distill/rrd/draws-of-an-epoch/citeulike", |bencher| {
        bencher.iter(|| {
            epoch += 1;
            term.draw(Stream::new(0, "bench", "rrd", epoch));
        });
    });
    let adam = Adam { learning_rate: 1e-3, weight_decay: 1e-3 };
    let mut cycle = batches.iter().cycle();
    criterion.bench_function(&format!("distill/rrd/step/citeulike/d{DIM}"), |bencher| {
        bencher.iter(|| {
            let Batch { triples, users, items } = cycle.next().expect("an endless cycle");
            let batch = models::Batch { triples, users, positives: items, negatives: &[] };
            let loss = student.forward_backward(triples).expect("a finite step");
            let loss = loss + term.add(&batch, &mut student).expect("a finite step");
            student.step(&adam).expect("a finite step");
            loss
        });
    });
}

fn main() {
    let mut criterion = support::criterion();
    rrd_parts(&mut criterion);
    dcd_parts(&mut criterion);
    criterion.final_summary();
}
