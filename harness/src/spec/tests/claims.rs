use super::*;

const CLAIM: &str = r#"[[claim]]
id = "gains"
label = "Distillation helps"
says = "student > pop on recall@10"
source = "§5"
"#;

/// The base with a claim that says this.
fn saying(says: &str) -> Result<Spec> {
    let claim = CLAIM.replace("student > pop on recall@10", says);
    resolve_text(&BASE.replace("[profile.quick]", &format!("{claim}[profile.quick]")), None)
}

fn refusal(says: &str) -> String {
    saying(says).err().expect("the claim is refused").to_string()
}

fn metrics(names: &[&str]) -> Vec<Metric> {
    names.iter().map(|name| name.parse().unwrap()).collect()
}

#[test]
fn reads_every_form() {
    let statement = |says: &str| saying(says).unwrap().claims[0].statement.clone();
    let names = |names: &[&str]| names.iter().map(|name| (*name).to_string()).collect();
    assert_eq!(
        statement("teacher > student > pop on recall@10, ndcg@10"),
        Statement::Order { trials: names(&["teacher", "student", "pop"]), metrics: metrics(&["recall@10", "ndcg@10"]) }
    );
    let (a, b) = ("student".to_string(), "pop".to_string());
    let effect = |bound| Statement::Effect { a: a.clone(), b: b.clone(), bound, metrics: metrics(&["ndcg@10"]) };
    assert_eq!(statement("student - pop >= 0.02 on ndcg@10"), effect(Bound::AtLeast(0.02)));
    assert_eq!(statement("student − pop ≤ 1e-3 on ndcg@10"), effect(Bound::AtMost(1e-3)));
    let ratio = |quantity| Statement::Ratio { quantity, a: a.clone(), b: "teacher".into(), bound: Bound::AtMost(0.25) };
    assert_eq!(statement("parameters of student / teacher <= 0.25"), ratio(Quantity::Parameters));
    assert_eq!(statement("latency of student / teacher <= 0.25"), ratio(Quantity::Latency));
}

#[test]
fn an_order_has_a_part_for_each_pair_and_metric() {
    let spec = saying("teacher > student > pop on recall@10, ndcg@10").unwrap();
    let parts = spec.claims[0].statement.parts();
    let pairs: Vec<_> = parts.iter().map(|part| (part.a, part.b)).collect();
    assert_eq!(pairs, [("teacher", "student"), ("teacher", "student"), ("student", "pop"), ("student", "pop")]);
}

#[test]
fn of_a_loss_the_better_trial_is_below() {
    let trials = ["a", "b"].map(String::from).to_vec();
    let order = Statement::Order { trials, metrics: metrics(&["auc", "logloss"]) };
    let parts: Vec<_> = order.parts().iter().map(|part| (part.a, part.b, part.bound)).collect();
    assert_eq!(parts, [("a", "b", Bound::Above(0.0)), ("b", "a", Bound::Above(0.0))]);
}

#[test]
fn refuses_what_it_cannot_read() {
    for says in [
        "student",
        "student > pop",
        "student>pop on recall@10",
        "student > pop > on recall@10",
        "student - pop = 0 on recall@10",
        "latency of student / pop <= 0.1 on recall@10",
    ] {
        let error = refusal(says);
        assert!(
            error.contains("small.toml:57:8 (key `claim.gains.says`)") && error.contains("`A > B on METRIC"),
            "{error}"
        );
    }
    has(&refusal("student > popp on recall@10"), &["no trial `popp`", "did you mean `pop`?"]);
    has(&refusal("student > pop on recall@5"), &["does not measure `recall@5`", "did you mean `recall@10`?"]);
    has(&refusal("student > pop on recall@10, recall@10"), &["metric `recall@10` stands twice"]);
    has(&refusal("student > student on recall@10"), &["trial `student` stands twice"]);
    has(&refusal("size of student / pop <= 1"), &["`size` is nothing", "`parameters`"]);
    has(&refusal("latency of student / pop <= -1"), &["a bound above 0", "`-1`"]);
    has(&refusal("student - pop >= some on recall@10"), &["bound is no number", "`some`"]);
}

#[test]
fn refuses_claims_that_stand_twice_or_have_no_paper() {
    let text = BASE.replace("[profile.quick]", &format!("{CLAIM}{CLAIM}[profile.quick]"));
    has(&refused_in(None, &text), &["the claim `gains` stands twice"]);
    let text = BASE.replace("[profile.quick]", &format!("{CLAIM}[profile.quick]"));
    let text = text.replace("source = \"§5\"\n", "");
    has(&refused_in(None, &text), &["source"]);
}

#[test]
fn a_profile_may_drop_claims() {
    let text = BASE.replace("[profile.quick]", &format!("{CLAIM}[profile.quick]\nclaim = []"));
    assert_eq!(resolve_text(&text, None).unwrap().claims.len(), 1);
    assert!(resolve_text(&text, Some("quick")).unwrap().claims.is_empty());
}
