//! Which samples train what, period by period.

use harness::rng::Stream;

use super::*;
use crate::asmg::sml::transfer::{Transfer, TransferSizes};
use crate::kit::impressions::{FIRST, LAST, SAMPLES, impressions, with_impressions};

/// A model of one tensor that notes the samples of each batch, as user and item.
#[derive(Default)]
struct Noting {
    batches: Vec<Vec<(u32, u32)>>,
}

impl BaseModel for Noting {
    fn kind(&self) -> &'static str {
        "noting"
    }

    fn take(&mut self, samples: SampleRange<'_>, positions: &[u32]) {
        let sample = |&position: &u32| samples.get(position as usize);
        self.batches.push(positions.iter().map(sample).map(|sample| (sample.user, sample.item)).collect());
    }

    fn rows(&self, _: usize) -> Option<&[u32]> {
        None
    }

    /// Half the sum of squares.
    fn forward_backward(&mut self, values: &[&[f32]], mut gradients: Vec<&mut [f32]>) -> f64 {
        gradients[0].copy_from_slice(values[0]);
        values[0].iter().map(|value| f64::from(value * value) / 2.0).sum()
    }

    fn scorer(&self, _: &Weights, _: &Queries) -> Result<Box<dyn Scorer>> {
        unreachable!("the last epochs are taken, whatever they score")
    }
}

fn part(epochs: usize, batch: usize) -> PartTraining {
    let [epochs, batch] = [epochs, batch].map(|count| count.try_into().unwrap());
    PartTraining { learning_rate: 1e-2.try_into().unwrap(), epochs, batch }
}

fn training(transfer: PartTraining, base: PartTraining) -> SmlTraining {
    SmlTraining { transfer, base, report: ReportedEpoch::LastEpoch, checkpoint: KeptTransfer::LastTransferEpoch }
}

/// A tensor of three numbers, and it with its transfer.
fn tensor() -> (Parameter, TransferredTensor) {
    const SIZES: TransferSizes = TransferSizes { width: 3, mix: [2, 2], hidden: 4 };
    let start = Parameter { name: "t".into(), shape: vec![3], values: vec![0.5, -0.25, 1.0] };
    let transfer = Transfer::new(SIZES, SIZES.initial("t", |purpose| Stream::new(0, "sml", purpose, 0)));
    (start.clone(), TransferredTensor::new(start, false, transfer))
}

/// The base tensors learn the period before the tested one, then the transfers the tested one; the next period goes on from
/// what was served, which is also what its transfers compare with.
#[test]
fn base_and_transfers_learn_in_turn() {
    let training = training(part(3, 25), part(2, 20));
    let (start, tensor) = tensor();
    let folder = tempfile::tempdir().unwrap();
    with_impressions(impressions(false), &["auc"], folder.path(), 0, |cx| {
        let mut learner = TransferLearner::new(&training, None, Noting::default(), vec![tensor]);
        let periods = cx.task.periods().unwrap();
        let base = |learner: &TransferLearner<'_, '_, Noting>| learner.tensors[0].base().parameter().unwrap();
        let served = |learner: &TransferLearner<'_, '_, Noting>| learner.served().parameters.remove(0);
        let data = learner.begin(cx, periods.period(FIRST)).unwrap();
        learner.end(cx, periods.period(FIRST)).unwrap();
        assert_eq!((data.epochs, learner.base.batches.len()), (0, 0), "the first period is only tested");
        assert_eq!(served(&learner), start);
        for number in FIRST + 1..=LAST {
            let noted = |learner: &mut TransferLearner<'_, '_, Noting>, period: usize, epochs: usize, batch: usize| {
                let samples = periods.samples(period..period + 1).unwrap();
                let mut all: Vec<_> =
                    (0..SAMPLES).map(|at| samples.get(at)).map(|sample| (sample.user, sample.item)).collect();
                all.sort_unstable();
                let batches = std::mem::take(&mut learner.base.batches);
                assert_eq!(batches.len(), epochs * SAMPLES.div_ceil(batch));
                for epoch in batches.chunks(SAMPLES.div_ceil(batch)) {
                    let mut epoch = epoch.concat();
                    epoch.sort_unstable();
                    assert_eq!(epoch, all, "an epoch is the period {period}, each sample once");
                }
            };
            let before = base(&learner);
            let data = learner.begin(cx, periods.period(number)).unwrap();
            assert_eq!((data.epochs, data.valid.is_none()), (2, true));
            assert_eq!(learner.tensors[0].prev(), before.values, "what was served before");
            let transfers = learner.transfer_weights().unwrap();
            for epoch in 0..data.epochs {
                learner.epoch(cx, epoch).unwrap();
            }
            noted(&mut learner, number - 1, 2, 20);
            assert_eq!(learner.transfer_weights().unwrap(), transfers, "they stay while the base learns");
            let (trained, tested) = (base(&learner), served(&learner));
            assert!(trained != before && tested != trained);
            learner.end(cx, periods.period(number)).unwrap();
            noted(&mut learner, number, 3, 25);
            assert_ne!(learner.transfer_weights().unwrap(), transfers);
            // Each transfer epoch writes what it serves into the base tensor, whose next serving follows from that.
            let mut again = vec![0.0; 3];
            assert_eq!(learner.tensors[0].prev(), before.values, "in all transfer epochs");
            learner.tensors[0].transfer().transfer(&before.values, &base(&learner).values, &mut again);
            assert_eq!(served(&learner).values, again);
            assert!(![&trained, &tested].contains(&&base(&learner)));
        }
    });
}

/// With one transfer epoch the base tensor becomes what the trained transfers make of it.
#[test]
fn what_serves_is_written_into_the_base_tensor() {
    let training = training(part(1, 60), part(1, 60));
    let (start, tensor) = tensor();
    let folder = tempfile::tempdir().unwrap();
    with_impressions(impressions(false), &["auc"], folder.path(), 0, |cx| {
        let mut learner = TransferLearner::new(&training, None, Noting::default(), vec![tensor]);
        let periods = cx.task.periods().unwrap();
        learner.begin(cx, periods.period(FIRST + 1)).unwrap();
        learner.epoch(cx, 0).unwrap();
        let trained = learner.tensors[0].base().parameter().unwrap().values;
        assert_ne!(trained, start.values);
        learner.end(cx, periods.period(FIRST + 1)).unwrap();
        let mut made = vec![0.0; 3];
        learner.tensors[0].transfer().transfer(&start.values, &trained, &mut made);
        assert_eq!(learner.tensors[0].base().parameter().unwrap().values, made);
    });
}
