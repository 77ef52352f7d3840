//! Every method that distils, from its parameters to trained students, on a small synthetic world.

use crate::kit::{World, method, on_threads, same_on_threads};

const HYPER: &str = "{ dim = 9, learning_rate = 1e-2, weight_decay = 1e-3, batch = 100, init_std = 0.1, epochs = 5, \
                     stopping = { watch = [\"recall@10\"], patience = 9, every = 1, decimals = 4 } }";

fn rd(lambda: &str, weighting: &str) -> String {
    format!("{{ student = {{ bpr = {HYPER} }}, lambda = {lambda}, list = 7, weighting = {weighting} }}")
}

fn hybrid(estimate: &str, normalised: bool) -> String {
    format!(
        "{{ hybrid = {{ position_lambda = 2, normalised = {normalised}, start_epoch = 2, \
         discrepancy = {{ mu = 0.1, samples = 11, rank_estimate = \"{estimate}\" }} }} }}"
    )
}

fn cd(lambda: &str, count: usize, sampling: &str) -> String {
    format!(
        "{{ student = {{ bpr = {HYPER} }}, lambda = {lambda}, count = {count}, sampling = {sampling}, t1 = 2, t2 = 0 }}"
    )
}

const POOL: &str = "{ better-of-two = { pool = 30, gamma = 0.05 } }";
const EXPONENTIAL: &str = "{ exponential = { gamma = 5 } }";

fn rrd(lambda: &str, top: &str) -> String {
    format!("{{ lambda = {lambda}, list = 20, interesting = 5, uninteresting = 6, top.{top} }}")
}

fn de(lambda: &str, distance: &str) -> String {
    format!(
        "{{ lambda = {lambda}, experts = 3, distance = \"{distance}\", temperature_start = 1, temperature_end = 1e-10, \
         temperature_epochs = 20, gate_epsilon = 1e-10 }}"
    )
}

fn dcd(lambda: &str, top: &str, rkd: &str) -> String {
    format!(
        "{{ student = {{ bpr = {HYPER} }}, list = 30, refresh = 3, sampled = 5, top.{top}, lambda_user = {lambda}, \
         lambda_item = {lambda}, rkd{rkd} }}"
    )
}

const SAMPLED: &str = "sampled.sharpness = 10";

/// Every way of every method, with one weight; DCD's needs one that is not 0.
fn ways(lambda: &str) -> Vec<(&'static str, String)> {
    let discrepancy = "{ discrepancy = { mu = 0.1, samples = 11, rank_estimate = \"code\" } }";
    let weightings = [
        "\"uniform\"".to_string(),
        "{ position = { lambda = 1 } }".into(),
        discrepancy.into(),
        hybrid("paper", true),
        hybrid("code", false),
    ];
    let mut ways: Vec<_> = weightings.iter().map(|weighting| ("rd", rd(lambda, weighting))).collect();
    ways.extend([POOL, EXPONENTIAL].map(|sampling| ("cd", cd(lambda, 10, sampling))));
    let with = |rest: String| format!("{{ student = {{ bpr = {HYPER} }}, {rest} }}");
    ways.push(("rrd", with(format!("rrd = {}", rrd(lambda, SAMPLED)))));
    ways.push(("rrd", with(format!("rrd = {}", rrd(lambda, "head = {}").replace("top.head = {}", "top = \"head\"")))));
    ways.push(("rrd", with(format!("rrd = {}, item_side = {}", rrd(lambda, SAMPLED), rrd(lambda, SAMPLED)))));
    ways.extend(["squared", "norm"].map(|distance| ("de", with(format!("de = {}", de(lambda, distance))))));
    ways.push(("de-rrd", with(format!("de = {}, rrd = {}", de(lambda, "squared"), rrd(lambda, SAMPLED)))));
    if lambda != "0" {
        ways.push(("dcd", dcd(lambda, "sampled.epsilon = 0.1", " = \"none\"")));
        ways.push(("dcd", dcd(lambda, "sampled.epsilon = 0.1", &format!(".rrd = {}", rrd(lambda, SAMPLED)))));
    }
    ways
}

fn on_neumf(params: &str) -> String {
    params.replacen("{ bpr = {", "{ neumf = {", 1)
}

#[test]
fn a_term_of_weight_0_is_plain_training() {
    let world = World::new();
    let plain = world.run("bpr", HYPER, &[]).unwrap();
    for (name, params) in ways("0") {
        assert!(world.run(name, &params, &[]).unwrap() == plain, "{name} {params}");
    }
}

/// Of NeuMF, whose layers are summed in blocks of the entities that a step names: to rounding.
#[test]
fn a_term_of_weight_0_is_plain_training_of_neumf_to_rounding() {
    let world = World::new();
    let losses = |(losses, _): (Vec<u64>, Vec<Vec<u32>>)| losses.into_iter().map(f64::from_bits).collect::<Vec<_>>();
    let plain = losses(world.run("neumf", HYPER, &[]).unwrap());
    for (name, params) in ways("0") {
        for (got, want) in losses(world.run(name, &on_neumf(&params), &[]).unwrap()).iter().zip(&plain) {
            assert!((got - want).abs() < 1e-4 * want, "{name} {params}: {got} {want}");
        }
    }
}

#[test]
fn every_way_learns_something_of_its_own() {
    let world = World::new();
    let mut seen = vec![world.run("bpr", HYPER, &[]).unwrap()];
    for (name, params) in ways("0.5") {
        let bits = world.run(name, &params, &[]).unwrap();
        assert!(bits.0.iter().all(|&loss| f64::from_bits(loss).is_finite()));
        assert!(!seen.contains(&bits), "{name} {params}");
        seen.push(bits);
    }
}

#[test]
fn threads_and_interruptions_change_no_bit() {
    let world = World::new();
    for (name, params) in ways("0.5") {
        for params in [on_neumf(&params), params] {
            let whole = same_on_threads(|| world.run(name, &params, &[]).unwrap());
            // After epochs 1, 2 and 4.
            assert!(on_threads(2, || world.run(name, &params, &[1, 1, 2]).unwrap()) == whole, "{name} {params}");
        }
    }
}

#[test]
fn what_cannot_be_drawn_is_refused() {
    // 80 items, 8 of them seen.
    let long = rd("1", "\"uniform\"").replace("list = 7", "list = 73");
    let error = World::new().run("rd", &long, &[]).unwrap_err().to_string();
    assert!(error.contains("list of user number 0 of the split") && error.contains("at least 73 items"), "{error}");
    let error = World::new().run("cd", &cd("1", 10, "{ better-of-two = { pool = 73, gamma = 0 } }"), &[]).unwrap_err();
    assert!(error.to_string().contains("at least 73"), "{error}");
    let error = World::new().run("cd", &cd("1", 73, EXPONENTIAL), &[]).unwrap_err().to_string();
    assert!(
        error.contains("user number 0 of the split")
            && error.contains("has too few items")
            && error.contains("got:      72"),
        "{error}"
    );
    assert!(error.contains("hint: a smaller `count`"), "{error}");
}

#[test]
fn parameters_that_cannot_be_are_refused() {
    let refused = |name: &str, params: &str, why: &str| {
        let error = method(name, params).err().expect("an error");
        assert!(error.contains(why), "{params}: {error}");
    };
    refused("cd", &cd("1", 31, POOL), "`count` is more than the pool has\n  expected: at most `pool`, which is 30");
    refused("cd", &cd("-1", 10, POOL), "expected a finite number of at least 0");
    refused("cd", &cd("1", 10, POOL).replace("t1 = 2", "t1 = 0"), "expected a finite number above 0");
    refused("cd", &cd("1", 10, POOL).replace("t2 = 0", "t2 = nan"), "expected a finite number");
    refused("cd", &cd("1", 10, "{ linear = {} }"), "unknown variant `linear`");
    refused("cd", &cd("1", 10, "{ exponential = { gamma = 1, pool = 3 } }"), "unexpected keys in table: pool");
    refused("rd", &rd("1", "\"hybrid\""), "in `weighting`");
    refused("rd", &rd("1", &hybrid("mine", true)), "unknown variant `mine`");
    refused("rd", &rd("1", &hybrid("paper", true).replace("mu = 0.1", "mu = 0")), "expected a finite number above 0");
    refused("rd", &rd("1", "{ uniform = { lambda = 1 } }"), "in `weighting`");
    let teacherless = method("bpr", HYPER).unwrap();
    assert!(teacherless.learns_from().is_empty() && teacherless.makes() == Some("bpr"));
    for student in [method("rd", &rd("1", "\"uniform\"")), method("cd", &cd("1", 10, POOL))] {
        let student = student.unwrap();
        assert!(student.learns_from() == ["bpr", "neumf"] && student.makes() == Some("bpr"));
    }
}
