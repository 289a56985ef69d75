use super::reference::train_reference;
use super::*;
use crate::Isa;

const ENGINES: [Engine; 2] = [Engine::SharedNegatives, Engine::PerPair];

fn wave(len: usize, a: f64) -> Vec<f64> {
    (0..len).map(|i| (i as f64 * a).sin()).collect()
}

fn single(values: &[f64]) -> Vec<f32> {
    values.iter().map(|&v| v as f32).collect()
}

/// Sentences of `lens` words, drawn from `ids` words so that some repeat in a window.
fn text(ids: usize, lens: &[usize]) -> (Vec<u32>, Vec<Sentence>) {
    let mut numbers = Stream::new(3, "text").at(ids as u64);
    let total = lens.iter().sum();
    let words = (0..total).map(|_| numbers.below(ids as u32).min(numbers.below(ids as u32)));
    let mut start = 0;
    let sentences = lens.iter().enumerate().map(|(i, &len)| {
        start += len;
        let first = (1 << 33) - 20 + (start - len) as u64;
        Sentence { words: start - len..start, first, rate: 0.1 / (1.0 + i as f32) }
    });
    (words.collect(), sentences.collect())
}

struct Case {
    ids: usize,
    width: usize,
    window: usize,
    negatives: usize,
    lens: &'static [usize],
}

const CASES: [Case; 10] = [
    Case { ids: 50, width: 100, window: 5, negatives: 5, lens: &[40, 1, 2, 33] },
    Case { ids: 90, width: 200, window: 5, negatives: 25, lens: &[60] },
    Case { ids: 9, width: 7, window: 5, negatives: 3, lens: &[20, 17] },
    Case { ids: 30, width: 1, window: 2, negatives: 1, lens: &[25] },
    Case { ids: 1, width: 16, window: 3, negatives: 4, lens: &[9] },
    Case { ids: 2, width: 33, window: 3, negatives: 4, lens: &[9] },
    Case { ids: 400, width: 20, window: 100, negatives: 70, lens: &[150] },
    Case { ids: 400, width: 48, window: 11, negatives: 15, lens: &[60] },
    Case { ids: 20, width: 12, window: 5, negatives: 0, lens: &[20] },
    Case { ids: 5, width: 5, window: 1, negatives: 2, lens: &[0, 1] },
];

impl Case {
    /// Trains in `f64` and with `train`: the largest distance of a value, against the largest of
    /// its table, and of the losses.
    fn compare(
        &self,
        engine: Engine,
        train: impl Fn(&Skipgram, [&mut [f32]; 2], &[u32], &[Sentence]) -> Loss,
    ) -> f64 {
        let counts: Vec<u64> = (0..self.ids as u64).map(|i| 1000 / (i + 1)).collect();
        let noise = NegativeSampler::new(&counts).unwrap();
        let stream = Stream::new(11, "pairs");
        let skipgram = Skipgram {
            window: self.window,
            negatives: self.negatives,
            noise: &noise,
            shares: &[],
            stream,
            engine,
        };
        let (words, sentences) = text(self.ids, self.lens);
        let size = self.ids * self.width;
        // Rows of length one half: logits of a hundred would make small errors grow.
        let scale = (2.0 * self.width as f64).sqrt().recip();
        let mut want =
            [0.7, 1.3].map(|a| wave(size, a).iter().map(|v| v * scale).collect::<Vec<_>>());
        let mut got = [single(&want[0]), single(&want[1])];
        let [w_in, w_out] = &mut want;
        let loss = train_reference(&skipgram, w_in, w_out, self.width, &words, &sentences);
        let [w_in, w_out] = &mut got;
        let got_loss = train(&skipgram, [w_in, w_out], &words, &sentences);
        assert_eq!(got_loss.pairs, loss.pairs);
        let mut worst = (got_loss.sum - loss.sum).abs() / (1e-9 + loss.sum);
        for (got, want) in got.iter().zip(&want) {
            let largest = want.iter().fold(0.0f64, |a, b| a.max(b.abs()));
            for (got, want) in got.iter().zip(want) {
                worst = worst.max((f64::from(*got) - want).abs() / largest);
            }
        }
        worst
    }
}

#[test]
fn every_level_equals_the_reference() {
    for isa in Isa::available() {
        let cpu = Cpu::new(isa, 1).unwrap();
        for (number, case) in CASES.iter().enumerate() {
            for engine in ENGINES {
                let worst = case.compare(engine, |skipgram, [w_in, w_out], words, sentences| {
                    skipgram.train(
                        &cpu,
                        w_in,
                        w_out,
                        case.width,
                        words,
                        sentences,
                        Updates::Sequential,
                    )
                });
                assert!(worst < 1e-5, "{isa:?}, case {number}, {engine:?}: {worst}");
            }
        }
    }
}

#[test]
fn in_order_gives_the_same_bits_for_any_number_of_threads() {
    for engine in ENGINES {
        for isa in Isa::available() {
            let train = |threads, order| {
                let (words, sentences) = text(60, &[50, 3, 40, 70]);
                let noise = NegativeSampler::new(&[3; 60]).unwrap();
                let stream = Stream::new(1, "pairs");
                let skipgram = Skipgram {
                    window: 5,
                    negatives: 6,
                    noise: &noise,
                    shares: &[],
                    stream,
                    engine,
                };
                let mut w_in = single(&wave(60 * 20, 0.7));
                let mut w_out = single(&wave(60 * 20, 1.1));
                let cpu = Cpu::new(isa, threads).unwrap();
                let loss =
                    skipgram.train(&cpu, &mut w_in, &mut w_out, 20, &words, &sentences, order);
                (w_in, w_out, loss)
            };
            let want = train(1, Updates::Sequential);
            assert!([2, 3].iter().all(|&threads| train(threads, Updates::Sequential) == want));
            // One thread takes the sentences from the queue in their order.
            assert!(train(1, Updates::Hogwild) == want);
            let free = train(3, Updates::Hogwild).2;
            assert_eq!(free.pairs, want.2.pairs);
            assert!((free.sum / want.2.sum - 1.0).abs() < 0.2, "{} {}", free.sum, want.2.sum);
        }
    }
}

/// The change of the rows is minus the rate times the slope of the loss: one window whose loss is
/// taken of rows moved a little.
#[test]
fn the_reference_of_a_window_equals_finite_differences() {
    let noise = NegativeSampler::new(&[4, 3, 2, 5]).unwrap();
    let stream = Stream::new(5, "pairs");
    let engine = Engine::SharedNegatives;
    let skipgram = Skipgram { window: 1, negatives: 5, noise: &noise, shares: &[], stream, engine };
    // With a rate of zero the windows of all three centres see the same rows.
    let loss = |tables: &[f64], rate: f32| {
        let (mut w_in, mut w_out) = (tables[..12].to_vec(), tables[12..].to_vec());
        let sentences = [Sentence { words: 0..3, first: 9, rate }];
        let loss = train_reference(&skipgram, &mut w_in, &mut w_out, 3, &[1, 3, 1], &sentences);
        (loss.sum, [w_in, w_out].concat())
    };
    let tables = wave(24, 0.9);
    let rate = 2f32.powi(-20);
    let (_, after) = loss(&tables, rate);
    for i in 0..24 {
        let (mut above, mut below) = (tables.clone(), tables.clone());
        above[i] += 1e-5;
        below[i] -= 1e-5;
        let slope = (loss(&above, 0.0).0 - loss(&below, 0.0).0) / 2e-5;
        let change = (tables[i] - after[i]) / f64::from(rate);
        // The windows follow each other: the second sees rows moved by the rate.
        assert!((slope - change).abs() < 2e-5, "{i}: {slope} and {change}");
    }
}

/// Numbers of independent engines. All negatives are word 0.
/// ```python
/// import numpy as np, tensorflow.compat.v1 as tf; tf.disable_v2_behavior()
/// a = np.arange(9).reshape(3, 3) * .7; w_in, w_out = np.sin(a).astype("f"), np.cos(a).astype("f")
/// d = tf.GraphDef(); d.versions.producer = 18
/// def node(name, op, inputs=(), **attrs):
///     n = d.node.add(name=name, op=op, input=inputs)
///     for k, v in attrs.items():
///         if k == "num_negative_samples": n.attr[k].i = v
///         elif k == "vocab_count": n.attr[k].list.i.extend(v)
///         elif k == "shape": n.attr[k].shape.CopyFrom(tf.TensorShape(v).as_proto())
///         else: n.attr[k].type = v.as_datatype_enum
/// f, i = tf.float32, tf.int32
/// for t in "in", "out":
///     node(t, "VariableV2", dtype=f, shape=[3, 3]); node("v" + t, "Placeholder", dtype=f); node("set" + t, "Assign", [t, "v" + t], T=f)
/// node("e", "Placeholder", dtype=i); node("l", "Placeholder", dtype=i); node("r", "Placeholder", dtype=f)
/// node("train", "NegTrain", ["in", "out", "e", "l", "r"], vocab_count=[5, 0, 0], num_negative_samples=2)
/// tf.import_graph_def(d, name="")
/// with tf.Session() as s:
///     s.run(["setin", "setout"], {"vin:0": w_in, "vout:0": w_out})
///     s.run("train", {"e:0": [1, 2, 2, 0], "l:0": [2, 1, 0, 2], "r:0": .5})
///     for w in s.run(["in:0", "out:0"]): print(w.ravel().round(6).tolist())
/// x, w, loss = w_in.astype(float), w_out.astype(float), 0
/// for c, around in (1, [2]), (2, [1, 0]), (0, [2]):
///     x0, w0 = x.copy(), w.copy()
///     for t, label in [(c, 1)] + [(0, 0)] * 2 * (c != 0):
///         for j in around:
///             z = x0[j] @ w0[t]; g = .5 * (label - 1 / (1 + np.exp(-z)))
///             loss += np.log1p(np.exp(z)) - label * z; x[j] += g * w0[t]; w[t] += g * x0[j]
/// print(loss, x.ravel().round(6).tolist(), w.ravel().round(6).tolist())
/// ```
#[test]
fn equals_tensorflow_and_numpy() {
    let noise = NegativeSampler::new(&[5, 0, 0]).unwrap();
    let sentences = [Sentence { words: 0..3, first: 0, rate: 0.5 }];
    let wants = [GOLD_WINDOWS, GOLD_PAIRS];
    for (engine, [want_in, want_out]) in ENGINES.into_iter().zip(wants) {
        for isa in Isa::available() {
            let stream = Stream::new(1, "pairs");
            let skipgram =
                Skipgram { window: 1, negatives: 2, noise: &noise, shares: &[], stream, engine };
            let angle = |i: usize| i as f32 * 0.7;
            let mut w_in: [f32; 9] = std::array::from_fn(|i| angle(i).sin());
            let mut w_out: [f32; 9] = std::array::from_fn(|i| angle(i).cos());
            let cpu = Cpu::new(isa, 1).unwrap();
            let words = [1, 2, 0];
            let loss = skipgram.train(
                &cpu,
                &mut w_in,
                &mut w_out,
                3,
                &words,
                &sentences,
                Updates::Sequential,
            );
            for (got, want) in w_in.iter().zip(want_in).chain(w_out.iter().zip(want_out)) {
                assert!((got - want).abs() < 3e-6, "{isa:?} {engine:?} {got} {want}");
            }
            if engine == Engine::SharedNegatives {
                assert!((loss.sum - GOLD_LOSS).abs() < 1e-5, "{}", loss.sum);
            }
        }
    }
}

#[test]
fn what_is_not_a_number_shows_in_the_loss() {
    let noise = NegativeSampler::new(&[1; 5]).unwrap();
    let stream = Stream::new(1, "pairs");
    let (words, sentences) = text(5, &[20]);
    for engine in ENGINES {
        let skipgram =
            Skipgram { window: 2, negatives: 3, noise: &noise, shares: &[], stream, engine };
        for isa in Isa::available() {
            let cpu = Cpu::new(isa, 2).unwrap();
            let train = |first: f32| {
                let (mut w_in, mut w_out) = ([0.1; 35], [0.1; 35]);
                w_in[7] = first;
                let order = Updates::Sequential;
                skipgram.train(&cpu, &mut w_in, &mut w_out, 7, &words, &sentences, order).sum
            };
            assert!(train(f32::NAN).is_nan() && train(0.1).is_finite());
        }
    }
}
#[test]
fn threads_share_the_noise_of_long_texts_alone() {
    let words = [0, 10_000, 16 * 2 * WORDS_OF_A_TURN - 1, 16 * 2 * WORDS_OF_A_TURN, 1 << 40];
    assert_eq!(words.map(|words| noise_shares(words, 2)), [1, 1, 1, 2, 2]);
    assert_eq!(noise_shares(1 << 40, 1), 1);
}

/// A thread without locks changes only rows of its share, and shares take turns.
#[test]
fn threads_draw_from_their_shares_in_turn() {
    let (counts, stream) = ([7; 40], Stream::new(1, "pairs"));
    let (noise, shares) =
        (NegativeSampler::new(&counts).unwrap(), NegativeSampler::partition(&counts, 2).unwrap());
    let cpu = Cpu::new(Isa::Portable, 1).unwrap();
    let changed = |engine, order, first: u64| -> Vec<usize> {
        let (window, negatives) = (2, 9);
        let (noise, shares) = (&noise, &shares[..]);
        let skipgram = Skipgram { window, negatives, noise, shares, stream, engine };
        let (mut w_in, mut w_out) = ([0.1; 80], [0.1; 80]);
        let sentence = Sentence { words: 0..60, first, rate: 0.1 };
        skipgram.train(&cpu, &mut w_in, &mut w_out, 2, &[0; 60], &[sentence], order);
        (1..40).filter(|&id| w_out[2 * id] != 0.1).collect()
    };
    let of = |share: &NegativeSampler| -> Vec<usize> {
        let mut ids: Vec<usize> = share.buckets().iter().map(|slot| slot.id as usize).collect();
        ids.sort_unstable();
        ids.into_iter().filter(|&id| id > 0).collect()
    };
    let all: Vec<usize> = (1..40).collect();
    for (turn, share) in [0, 1, 0].into_iter().enumerate() {
        let first = turn as u64 * 2 * WORDS_OF_A_TURN;
        assert_eq!(changed(Engine::SharedNegatives, Updates::Hogwild, first), of(&shares[share]));
        assert_eq!(changed(Engine::SharedNegatives, Updates::Sequential, first), all);
        assert_eq!(changed(Engine::PerPair, Updates::Hogwild, first), all);
    }
}

const GOLD_LOSS: f64 = 8.233_717;
const GOLD_WINDOWS: [[f32; 9]; 2] = [
    [
        -0.863935, 0.032191, 0.913176, -0.164093, -0.30383, -0.300671, -0.900777, -1.089376,
        -0.765625,
    ],
    [0.127069, -0.170994, -0.388635, -0.5588, -1.00304, -0.975535, -0.208372, 0.390045, 0.805018],
];
const GOLD_PAIRS: [[f32; 9]; 2] = [
    [-0.112449, 0.606678, 1.040474, 0.105098, -0.10178, -0.260789, -0.745957, -0.845398, -0.547236],
    [0.150275, -0.109293, -0.317459, -0.5588, -1.00304, -0.975535, -0.208372, 0.392896, 0.809378],
];
