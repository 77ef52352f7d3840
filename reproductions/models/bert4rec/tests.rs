//! BERT4Rec against an independent program, finite differences under dropout, and any number of threads.

use harness::queries::Queries;
use harness::rng::Stream;
use harness::split::{HeldOut, Split, UserItems};
use harness::weights::{Settings, Weights};
use serde_json::Value;

use super::*;
use crate::golden::{assert_near, bits, case, doubles, floats, ids, same_on_threads};
use crate::kit::{World, parse};
use crate::models::pieces::{OutputLayer, PieceEncoder, PieceOutputs, PieceScorer};

fn sizes(items: usize, width: usize, length: usize, heads: usize) -> Bert4RecSizes {
    Bert4RecSizes { items, width, length, blocks: 2, heads, asks_by_mask: false }
}

/// Initial weights with noise, so that norms matter, too; the padding's row stays zeros.
fn weights(sizes: &Bert4RecSizes) -> Weights {
    let mut weights = sizes.initial(|purpose| Stream::new(0, "bert4rec", purpose, 0));
    for parameter in &mut weights.parameters {
        let mut stream = Stream::new(0, "bert4rec", &format!("test.{}", parameter.name), 0);
        let noise = stream.normals(parameter.values.len(), 0.2);
        parameter.values.iter_mut().zip(noise).for_each(|(value, noise)| *value += noise);
    }
    weights.parameters[0].values[..sizes.width].fill(0.0);
    weights
}

/// Pieces of 2 to `length` + 2 items.
fn batch(sizes: &Bert4RecSizes, pieces: usize) -> PieceBatch {
    let mut stream = Stream::new(0, "bert4rec", "pieces", 0);
    let rows: Vec<Vec<u32>> = (0..pieces)
        .map(|_| (0..2 + stream.below(sizes.length as u32)).map(|_| stream.below(sizes.items as u32)).collect())
        .collect();
    let mut batch = PieceBatch::new(sizes.length);
    batch.set(rows.iter().map(|row| &row[..])).unwrap();
    batch
}

fn model(weights: &Weights, dropout: f64) -> Bert4Rec {
    Bert4Rec::new(weights.clone(), Dropout::new(dropout)).unwrap()
}

fn stream() -> Stream {
    Stream::new(0, "bert4rec", "dropout", 0)
}

/// The vector's weights, and its pieces.
fn reference(case: &Value) -> (Weights, PieceBatch) {
    let inputs = &case["inputs"];
    let [items, width, length, blocks, heads] =
        ["items", "width", "length", "blocks", "heads"].map(|name| inputs[name].as_u64().unwrap() as usize);
    let sizes = Bert4RecSizes { items, width, length, blocks, heads, asks_by_mask: false };
    let mut weights = sizes.initial(|purpose| Stream::new(0, "bert4rec", purpose, 0));
    let theirs = inputs["parameters"].as_array().unwrap();
    assert_eq!(theirs.len(), weights.parameters.len());
    for (parameter, theirs) in weights.parameters.iter_mut().zip(theirs) {
        assert_eq!(theirs["name"], parameter.name);
        parameter.values = floats(&theirs["values"]);
    }
    let mut batch = PieceBatch::new(length);
    for (inputs, labels) in ids(&inputs["ids"]).chunks(length).zip(ids(&inputs["labels"]).chunks(length)) {
        let rows = batch.add();
        rows[0].copy_from_slice(inputs);
        rows[1].copy_from_slice(labels);
    }
    (weights, batch)
}

/// A piece with padding and the mask, and one without.
#[test]
fn outputs_loss_and_gradients_are_those_of_the_reference() {
    let case = case("bert4rec.json", "bert4rec_teacher");
    let (weights, batch) = reference(&case);
    let want = &case["expected"];
    let encoder = Bert4RecEncoder::new(&weights).unwrap();
    let mut out = PieceOutputs::default();
    encoder.outputs(batch.inputs(), &mut out);
    assert_near(&out.embedding, &doubles(&want["embedding"]), 1e-6, "the embedding");
    for (block, hidden) in out.hidden.iter().enumerate() {
        assert_near(hidden, &doubles(&want["hidden"][block]), 3e-6, format!("block {block}"));
    }
    assert_eq!(out.last, out.hidden[1]);
    let OutputLayer { weights: output, bias, width } = encoder.output_layer();
    let logit = |x: &[f32], class: usize| {
        let row = &output[class * width..][..width];
        bias[class] + x.iter().zip(row).map(|(x, w)| x * w).sum::<f32>()
    };
    let logits = out.last.chunks(width).flat_map(|x| (0..bias.len()).map(move |class| logit(x, class)));
    assert_near(&logits.collect::<Vec<_>>(), &doubles(&want["logits"]), 1e-5, "logits");

    let mut model = model(&weights, 0.0);
    let loss = model.forward_backward(&batch, &mut stream()).unwrap();
    assert!((loss - want["cross_entropy"].as_f64().unwrap()).abs() < 1e-6, "{loss}");
    for (parameter, want) in model.parameters_mut().iter().zip(want["gradients"].as_array().unwrap()) {
        assert_near(&parameter.gradient, &doubles(&want["values"]), 2e-6, &want["name"]);
    }
}

/// Along the gradient of each parameter, the loss under the same masks moves as the gradient says.
#[test]
fn gradients_under_dropout_are_those_of_differences() {
    let sizes = sizes(30, 16, 6, 4);
    let (weights, batch) = (weights(&sizes), batch(&sizes, 20));
    let mut whole = model(&weights, 0.3);
    let loss = whole.forward_backward(&batch, &mut stream()).unwrap();
    assert!((loss - model(&weights, 0.0).forward_backward(&batch, &mut stream()).unwrap()).abs() > 1e-3);
    let gradients: Vec<Vec<f32>> = whole.parameters_mut().iter().map(|p| p.gradient.clone()).collect();
    assert!(gradients[0][..16].iter().all(|g| *g == 0.0), "the padding does not learn");
    for (number, gradient) in gradients.iter().enumerate() {
        let squares: f64 = gradient.iter().map(|&g| f64::from(g).powi(2)).sum();
        let step = 2e-2 / squares.sqrt();
        let moved = |by: f64| {
            let mut model = model(&weights, 0.3);
            let mut parameters = model.parameters_mut();
            let moved = parameters[number].weights.iter_mut().zip(gradient);
            moved.for_each(|(weight, g)| *weight += (by * f64::from(*g)) as f32);
            model.forward_backward(&batch, &mut stream()).unwrap()
        };
        let name = &weights.parameters[number].name;
        // The bias of keys moves all scores of a query alike: no gradient but rounding.
        if name.ends_with("key-bias") {
            assert!(squares < 1e-10, "{name}: {squares}");
        } else {
            let slope = (moved(step) - moved(-step)) / (2.0 * step);
            assert!((slope / squares - 1.0).abs() < 0.03, "{name}: {slope} {squares}");
        }
    }
}

#[test]
fn a_piece_has_the_same_bits_whichever_are_with_it() {
    let sizes = sizes(40, 12, 5, 3);
    let (weights, batch) = (weights(&sizes), batch(&sizes, 18));
    let encoder = Bert4RecEncoder::new(&weights).unwrap();
    assert_eq!((encoder.width(), encoder.layers(), encoder.length()), (12, 2, 5));
    let (mut all, mut one) = (PieceOutputs::default(), PieceOutputs::default());
    encoder.outputs(batch.inputs(), &mut all);
    let mut last = vec![f32::NAN; 18 * 12];
    encoder.last_positions(batch.inputs(), &mut last);
    for (k, ids) in batch.inputs().chunks_exact(5).enumerate() {
        encoder.outputs(ids, &mut one);
        for (all, one) in [(&all.embedding, &one.embedding), (&all.hidden[0], &one.hidden[0]), (&all.last, &one.last)] {
            assert_eq!(bits(&all[k * 60..][..60]), bits(one), "piece {k} alone");
        }
        assert_eq!(bits(&last[k * 12..][..12]), bits(&one.last[48..]));
    }
}

/// A short batch after a long one, with dropout, and widths beyond a register.
#[test]
fn threads_and_what_was_before_change_no_bit() {
    let sizes = sizes(60, 21, 8, 3);
    let step = |model: &mut Bert4Rec, pieces: usize| {
        let loss = model.forward_backward(&batch(&sizes, pieces), &mut stream());
        let gradients: Vec<Vec<u32>> = model.parameters_mut().iter().map(|p| bits(&p.gradient)).collect();
        (loss.unwrap().to_bits(), gradients)
    };
    let fresh = same_on_threads(|| step(&mut model(&weights(&sizes), 0.2), 19));
    let mut other = model(&weights(&sizes), 0.2);
    step(&mut other, 40);
    assert!(step(&mut other, 19) == fresh);
}

#[test]
fn it_starts_as_stated_and_other_weights_are_refused() {
    let sizes = Bert4RecSizes { blocks: 3, ..sizes(99, 16, 20, 4) };
    let initial = sizes.initial(|purpose| Stream::new(0, "bert4rec", purpose, 0));
    assert_eq!(Bert4RecSizes::of(&initial).unwrap(), sizes);
    let of = |name: &str| &initial.parameters.iter().find(|p| p.name == name).unwrap().values;
    let within = |values: &[f32], bound: f32| {
        values.iter().all(|v| v.abs() <= bound) && values.iter().any(|v| v.abs() > 0.9 * bound)
    };
    assert_eq!(of("item").len(), 101 * 16);
    assert!(of("item")[..16].iter().all(|v| *v == 0.0) && of("item")[16..].iter().all(|v| *v != 0.0));
    assert!(within(of("block-2-inner-weight"), 0.25) && within(of("output-weight"), 0.25));
    assert!(within(of("block-2-outer-weight"), 0.125) && within(of("block-2-outer-bias"), 0.125));
    assert!(of("block-0-feed-norm-scale").iter().all(|v| *v == 1.0));
    let refused = |change: &dyn Fn(&mut Weights)| {
        let mut other = initial.clone();
        change(&mut other);
        Bert4RecEncoder::new(&other).is_err()
    };
    assert!(refused(&|w| drop(w.parameters.pop())));
    assert!(refused(&|w| w.settings = Settings::default()));
    for heads in [0, 3] {
        assert!(refused(&|w| w.settings = Settings::default().with("heads", heads).with("asks-by-mask", true)));
    }
}

/// What comes after an asker's items is read where the mask is, of the most recent L − 1 items.
#[test]
fn a_model_on_masked_items_is_asked_by_the_mask() {
    let sizes = sizes(9, 8, 4, 2);
    let weights = weights(&sizes);
    let masked = Weights { settings: Bert4RecSizes { asks_by_mask: true, ..sizes }.settings(), ..weights.clone() };
    let train = UserItems::from_rows([&[3, 1, 4, 2, 8][..], &[5]]);
    let none = UserItems::from_rows([&[][..], &[]]);
    let split = Split { n_users: 2, n_items: 9, train, valid: none.clone(), test: none };
    let queries = Queries::of_users(&split, HeldOut::Test);
    let score = |weights: &Weights| {
        let scorer = PieceScorer::new((KIND.encoder)(weights).unwrap(), &queries).unwrap();
        let mut scores = [vec![0.0; 9], vec![0.0; 9]];
        (0..2).for_each(|user| harness::metrics::Scorer::score_all(&scorer, user, &mut scores[user as usize]));
        scores
    };
    let by_hand = |ids: [u32; 4]| {
        let encoder = Bert4RecEncoder::new(&weights).unwrap();
        let mut x = vec![0.0; 8];
        encoder.last_positions(&ids, &mut x);
        let OutputLayer { weights, bias, .. } = encoder.output_layer();
        let logit = |(row, bias): (&[f32], &f32)| bias + row.iter().zip(&x).map(|(w, x)| w * x).sum::<f32>();
        weights.chunks(8).zip(bias).skip(1).map(logit).collect::<Vec<f32>>()
    };
    let [long, short] = score(&masked);
    assert_near(&long, &by_hand([5, 3, 9, 10]), 1e-5, "after five items");
    assert_near(&short, &by_hand([0, 0, 6, 10]), 1e-5, "after one");
    let [long, short] = score(&weights);
    assert_near(&long, &by_hand([2, 5, 3, 9]), 1e-5, "after five items");
    assert_near(&short, &by_hand([0, 0, 0, 6]), 1e-5, "after one");
}

const TRAINING: &str = "length = 8, batch = 64, optimiser = { lamb = { learning_rate = 2e-2, weight_decay = 0.01 } }, \
                        schedule = \"constant\", clip = 5, epochs = 6, stopping = \"none\"";

fn hyper(heads: usize, task: &str, start: &str) -> String {
    format!(
        "{{ width = 12, blocks = 2, heads = {heads}, dropout = 0.1, task = {task}, start = \"{start}\", \
         training = {{ {TRAINING} }} }}"
    )
}

const MASKED: &str = "{ masked = 0.4 }";
const NEXT: &str = "\"next-items\"";

#[test]
fn hyper_parameters_must_fit_each_other() {
    let read = |text: &str| parse::<Bert4RecHyper>(text);
    assert!(read(&hyper(4, MASKED, "fresh")).is_ok() && read(&hyper(4, NEXT, "inherited")).is_ok());
    let error = read(&hyper(5, NEXT, "fresh")).unwrap_err();
    assert!(error.contains("`heads` = 5 does not divide `width` = 12"), "{error}");
    let error = read(&hyper(4, "{ masked = 0 }", "fresh")).unwrap_err();
    assert!(error.contains("leaves nothing to predict"), "{error}");
    assert!(read(&hyper(4, "{ masked = 1.0 }", "fresh")).is_err() && read(&hyper(4, "\"both\"", "fresh")).is_err());
}

/// Both tasks are learnt, and a run that is stopped and gone on with ends with the same bits.
#[test]
fn training_learns_and_resumes_bit_for_bit() {
    let mut world = World::new();
    let learns = |losses: &[u64]| {
        let losses: Vec<f64> = losses.iter().map(|&loss| f64::from_bits(loss)).collect();
        assert!(losses[5] < losses[0] - 0.05, "{losses:?}");
        losses
    };
    let masked = same_on_threads(|| world.run("bert4rec", &hyper(4, MASKED, "fresh"), &[]).unwrap());
    assert!(masked == world.run("bert4rec", &hyper(4, MASKED, "fresh"), &[1, 2]).unwrap());
    learns(&masked.0);
    let fresh = learns(&world.run("bert4rec", &hyper(4, NEXT, "fresh"), &[]).unwrap().0);

    let taught = parse::<Bert4RecHyper>(&hyper(4, MASKED, "fresh")).unwrap().sizes(world.split.n_items);
    let mut weights = taught.initial(|purpose| Stream::new(0, "bert4rec", purpose, 0));
    for (parameter, values) in weights.parameters.iter_mut().zip(&masked.1) {
        parameter.values = values.iter().map(|&bits| f32::from_bits(bits)).collect();
    }
    (world.teacher, world.kind) = (weights, KIND.name);
    let inherited = learns(&world.run("bert4rec", &hyper(4, NEXT, "inherited"), &[]).unwrap().0);
    assert!(inherited[0] < fresh[0] - 0.1, "{inherited:?} {fresh:?}");
    let other = "{ width = 12, blocks = 1, heads = 4, dropout = 0.1, task = \"next-items\", start = \"inherited\", ";
    let error = world.run("bert4rec", &format!("{other}training = {{ {TRAINING} }} }}"), &[]).unwrap_err().to_string();
    assert!(error.contains("of another size") && error.contains("2 blocks"), "{error}");
}
