use super::*;
use crate::spec::value::{Limit, Weight};
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Cf {
    neighbours: Limit,
}
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Bpr {
    dim: Count,
    learning_rate: Rate,
    weight_decay: Weight,
    batch: Count,
    init_std: Rate,
    epochs: Count,
    stopping: Stop,
}
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Stop {
    watch: Vec<Metric>,
    patience: Count,
    every: Count,
    decimals: Decimals,
}
#[test]
fn real() {
    let r = registry()
        .with("item-cf", |p| p.read::<Cf>().map(|_| Box::new(Plain) as Box<dyn Method>))
        .with("bpr", |p| p.read::<Bpr>().map(|_| Box::new(Plain) as Box<dyn Method>));
    let dir = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../reproductions");
    for l in discover(&dir).unwrap() {
        let s = match l.summary {
            Ok(s) => s,
            Err(e) => panic!("{e}"),
        };
        println!("{} {:?}", l.id, s);
        for p in s.profiles {
            match load(&l.file, Some(&p), &r) {
                Ok(s) => {
                    if p != "paper" {
                        println!("{}", print_spec(&s))
                    }
                }
                Err(e) => panic!("{e}"),
            }
        }
    }
}
