//! `tfm … word2vec` on text that the program makes itself, and on small files.

use std::fs;
use std::io::Write;
use std::process::Stdio;

use flate2::Compression;
use flate2::write::GzEncoder;

use crate::dir::{Dir, Said, tfm};
use crate::pictures::{self, between, ends_the_same_when_killed};
use crate::ptb::Run;

/// Two epochs of twelve steps.
const SETS: [&str; 10] = [
    "data.source=analogies",
    "data.analogies_words=12000",
    "data.sentences=lines",
    "data.min_count=1",
    "eval.questions=",
    "network.embedding_size=20",
    "train.num_neg_samples=3",
    "train.epochs_to_train=2",
    "train.block_words=1001",
    "checkpoint.every_steps=5",
];

fn train(rest: &str) -> String {
    pictures::train("word2vec", &SETS, rest)
}

const IN_ORDER: &str = "--set train.deterministic=true";

#[test]
fn a_run_speaks_as_the_reference_and_its_loss_falls() {
    let dir = Dir::new();
    let said = dir.tfm(&train("--run-dir run --set train.learning_rate=0.1 --json"));
    assert_eq!(said.code, 0, "{said:?}");
    let run = Run::of(&dir, "run");
    let (json, records) = (said.json(), run.records());
    assert_eq!((&json["model"], &json["step"]), (&"word2vec".into(), &24.into()));
    assert_eq!(json["metrics"]["test_analogy"].as_f64(), Some(run.last("test", "analogy")));
    let losses = |phase: &str| -> Vec<f64> {
        let of = records.iter().filter(|record| record["phase"] == phase);
        of.map(|record| record["metrics"]["loss"].as_f64().unwrap()).collect()
    };
    // Four targets of which nothing is known: 4 ln 2.
    let first = losses("train")[0];
    assert!((first - 2.77).abs() < 0.05, "{first}");
    let [one, two] = losses("epoch")[..] else { panic!("{records:?}") };
    assert!(two < one && one < first, "{first} {one} {two}");

    let lines: Vec<_> = said.stderr.lines().filter(|line| line.contains(" Step ")).collect();
    let trained: Vec<_> = records.iter().filter(|record| record["phase"] == "train").collect();
    assert_eq!(lines.len(), trained.len());
    for (line, record) in lines.iter().zip(trained) {
        let metrics = &record["metrics"];
        assert!(line.starts_with("Epoch    "), "{line}");
        let rate = metrics["learning_rate"].as_f64().unwrap();
        assert!((between(line, "lr = ", " loss") - rate).abs() <= 0.000_501, "{line} {record}");
        let raw = between(line, "(raw ", ")");
        let kept = line.split_once("words/sec = ").unwrap().1.split_whitespace().next().unwrap();
        let share = metrics["kept_share"].as_f64().unwrap();
        assert!((kept.parse::<f64>().unwrap() - share * raw).abs() <= 1.0 + 1e-6 * raw, "{line}");
    }
    let epoch = format!("\nEpoch 2/2: loss {two:.4}, analogies ");
    assert!(said.stderr.contains(&epoch), "{said:?}");
    let vocabulary = run.text("vocab.txt");
    assert!(vocabulary.starts_with("UNK 0\n") && vocabulary.contains("\nparis "), "{vocabulary}");
}

#[test]
fn a_run_in_order_that_is_killed_again_and_again_ends_to_the_bit_the_same() {
    let resume = |_| String::new();
    ends_the_same_when_killed(
        &Dir::new(),
        "word2vec",
        |rest| train(&format!("{rest} {IN_ORDER}")),
        resume,
        "test",
    );
}

#[test]
fn mini_batches_in_order_that_are_killed_end_to_the_bit_the_same() {
    let batches = "--set train.algorithm=minibatch --set train.num_neg_samples=20 \
                   --set train.learning_rate=0.2";
    let train = |rest: &str| train(&format!("{rest} {IN_ORDER} {batches}"));
    ends_the_same_when_killed(&Dir::new(), "word2vec", train, |_| String::new(), "test");
}

#[test]
fn every_algorithm_in_order_gives_the_same_bits_for_any_number_of_threads() {
    for algorithm in ["windows", "pairs", "minibatch"] {
        let dir = Dir::new();
        let run = |name: &str, threads: usize| {
            let sets = format!("{IN_ORDER} --set train.algorithm={algorithm}");
            dir.tfm(&train(&format!("-q {sets} --run-dir {name} --threads {threads}"))).ok();
            Run::of(&dir, name)
        };
        run("one", 1).ends_as(&run("three", 3));
    }
}

#[test]
fn lock_free_runs_go_on_where_they_were() {
    let dir = Dir::new();
    dir.tfm(&train("-q --run-dir run --threads 3")).ok();
    let run = Run::of(&dir, "run");
    let (_, last) = run.newest();
    fs::remove_file(run.path("checkpoints/step-00000024.safetensors")).unwrap();
    let said = dir.tfm("train word2vec --resume run --threads 2");
    assert!(said.code == 0 && said.stderr.contains("Resumed at step 20"), "{said:?}");
    assert_eq!(run.newest().0, "step-00000024.safetensors");
    assert_eq!(run.newest().1.len(), last.len());
}

/// A trained run.
fn trained(dir: &Dir) -> Run {
    let sets = "--set data.analogies_words=60000 --set train.learning_rate=0.1 \
                --set train.epochs_to_train=3 --set train.block_words=30000";
    dir.tfm(&train(&format!("-q --run-dir run {sets} {IN_ORDER}"))).ok();
    Run::of(dir, "run")
}

#[test]
fn vectors_answer_questions() {
    let dir = Dir::new();
    let run = trained(&dir);
    let json = dir.one_thread("eval word2vec --run run --json").json();
    let metrics = &json["metrics"];
    assert_eq!(metrics["analogy"].as_f64(), Some(run.last("test", "analogy")));
    assert_eq!(metrics["analogies"]["sections"].as_array().unwrap().len(), 8);
    dir.write("q.txt", ": one\nFrance Paris Italy Rome\nfrance paris no-word rome\n");
    dir.write("pairs.tsv", "france\titaly\t9\nfrance\tapple\t1\nking\tqueen\t7\n");
    let said = dir.one_thread("eval word2vec --run run --questions q.txt --similarity pairs.tsv");
    let text = said.ok();
    assert!(text.contains("of     1; 1 skipped") && text.contains("over 3 pairs"), "{text}");

    let near = dir.one_thread("query word2vec --run run nearby paris -n 5 --json").json();
    let words = &near["metrics"]["nearby"][0]["neighbours"];
    let words = words.as_array().unwrap();
    assert!(words.len() == 5 && words.iter().all(|near| near["word"] != "paris"), "{near}");
    let one = dir.one_thread("query word2vec --run run analogy france paris italy").ok();
    let asked_with = |input: &str, options: &[&str]| -> Said {
        let mut command = tfm();
        let command = command.args(["query", "word2vec", "--run", "run", "--threads", "1"]);
        let command = command.args(options);
        let path = dir.write("input.txt", input);
        dir.run(command.stdin(Stdio::from(fs::File::open(path).unwrap())))
    };
    let asked = |input: &str| asked_with(input, &[]);
    assert_eq!(asked("analogy france paris italy\nquit\n").ok(), one);
    let json = "query word2vec --run run analogy france paris italy -n 3 --json";
    let json = dir.one_thread(json).json();
    let answers = json["metrics"]["analogy"]["answers"].as_array().unwrap();
    assert_eq!((answers.len(), &answers[0]), (3, &json["metrics"]["analogy"]["answer"]));
    assert!(answers.iter().all(|answer| answer["similarity"].as_f64().unwrap() <= 1.0), "{json}");
    let line = asked_with("analogy France PARIS italy\n", &["--json", "-n", "3"]).json();
    assert_eq!(line, json);
    let wrong = asked("nearby pariss\nanalogy france paris italy\n");
    assert!(wrong.stdout == one && wrong.code == 1, "{wrong:?}");
    assert!(wrong.stderr.contains("no vector for \"pariss\"; nearest spellings: paris"));

    // The text has no rare word that UNK would have been trained with.
    dir.one_thread("query word2vec --run run nearby UNK").fails(1, &["no vector for \"UNK\""]);
    dir.write("none.txt", "x y z v\n");
    let said = dir.one_thread("eval word2vec --run run --questions none.txt");
    said.fails(1, &["the question of none.txt", "\"x\""]);
    dir.one_thread("eval word2vec --run run --questions gone.txt").fails(1, &["gone.txt"]);
    dir.one_thread("query word2vec --run run nearest x").fails(1, &["nearest"]);
}

#[test]
fn vectors_go_to_files_and_come_back() {
    let dir = Dir::new();
    let run = trained(&dir);
    let answer = dir.one_thread("query word2vec --run run nearby paris").ok();
    for format in ["text", "bin"] {
        let path = format!("vectors.{format}");
        let line = format!("export word2vec --run run --format {format} --out {path}");
        assert_eq!(dir.tfm(&line).ok(), format!("{path}\n"));
        dir.tfm(&line).fails(1, &[&path, "--force"]);
        dir.tfm(&format!("{line} --force")).ok();
        dir.tfm(&format!("import word2vec {path} --run-dir from-{format}")).ok();
        let line = format!("query word2vec --run from-{format} nearby paris");
        assert_eq!(dir.one_thread(&line).ok(), answer);
    }
    dir.tfm("export word2vec --run run --format tsv --out projector").ok();
    dir.tfm("export word2vec --run run --format safetensors").ok();
    assert!(run.path("vectors.safetensors").exists());
    let words = run.text("vocab.txt").lines().count();
    let rows = fs::read_to_string(dir.path().join("projector/vectors.tsv")).unwrap();
    // No word of the text was read as UNK: it has no vector of its own.
    assert_eq!(rows.lines().count(), words - 1);
    for file in ["projector", "run/vectors.safetensors"] {
        let back = format!("from-{}", file.rsplit('/').next().unwrap());
        dir.tfm(&format!("import word2vec {file} --run-dir {back}")).ok();
        assert_eq!(
            dir.one_thread(&format!("query word2vec --run {back} nearby paris")).ok(),
            answer
        );
    }

    // Training goes on from anyone's vectors, in the words that they have.
    let line = train("--init-from from-bin --run-dir on -q --set train.learning_rate=0");
    dir.tfm(&line).ok();
    let on = Run::of(&dir, "on");
    assert_eq!(on.text("vocab.txt").lines().count(), words);
    assert_eq!(dir.one_thread("query word2vec --run on nearby paris").ok(), answer);
    let line = train("--init-from from-bin --run-dir no --set network.embedding_size=21");
    dir.tfm(&line).fails(1, &["w_in", "21", "--set network.embedding_size=20"]);

    let bytes = fs::read(dir.path().join("vectors.bin")).unwrap();
    dir.write("cut.bin", &bytes[..bytes.len() - 30]);
    dir.tfm("import word2vec cut.bin --run-dir cut").fails(1, &["cut.bin"]);
    assert!(!dir.path().join("cut").exists());
    dir.tfm("import word2vec vectors.bin --run-dir run").fails(1, &["run"]);
}

#[test]
fn words_are_drawn_on_a_map() {
    let dir = Dir::new();
    let run = trained(&dir);
    dir.tfm("plot word2vec --run run --words 60").ok();
    let png = fs::read(run.path("plots/words.png")).unwrap();
    assert!(png.starts_with(b"\x89PNG") && run.text("plots/words.svg").contains("with"));
    dir.tfm("plot word2vec --run run").ok();
    assert!(run.path("plots/loss.svg").exists());
    dir.tfm("plot word2vec --run run --run run2 --words 60").fails(1, &["one run"]);
    dir.tfm("plot word2vec --run run --words 5").fails(1, &["5 words"]);
}

#[test]
fn texts_are_files_plain_or_compressed_and_one_or_several() {
    let dir = Dir::new();
    let text: String = (0..400).map(|i| format!("a{} b{} c\n", i % 7, i * i % 5)).collect();
    let half = text.len() / 2 + text[text.len() / 2..].find('\n').unwrap() + 1;
    dir.write("text.txt", &text);
    dir.write("one.txt", &text[..half]);
    let mut archive = GzEncoder::new(Vec::new(), Compression::fast());
    archive.write_all(&text.as_bytes()[half..]).unwrap();
    dir.write("two.gz", archive.finish().unwrap());
    let sets = format!("--set data.source=files -q {IN_ORDER}");
    dir.tfm(&train(&format!("{sets} --set data.train=./text.txt --run-dir one"))).ok();
    // A run of the name of a text does not hide it.
    fs::create_dir_all(dir.path().join("data/text8")).unwrap();
    fs::copy(dir.path().join("text.txt"), dir.path().join("data/text8/one")).unwrap();
    dir.tfm(&train(&format!("{sets} --set data.train=one --run-dir same"))).ok();
    let both = "--set data.train=[\"./one.txt\",\"./two.gz\"]";
    dir.tfm(&train(&format!("{sets} {both} --run-dir two"))).ok();
    let (one, two) = (Run::of(&dir, "one"), Run::of(&dir, "two"));
    two.ends_as(&one);
    assert_eq!(one.manifest()["data"], two.manifest()["data"]);

    let fails = |sets: &str, parts: &[&str]| {
        let line = train(&format!("--set data.source=files --run-dir no {sets}"));
        dir.tfm(&line).fails(1, parts);
        assert!(!dir.path().join("no").exists(), "{sets}");
    };
    fails("--set data.train=./gone.txt", &["./gone.txt is missing", "data.train"]);
    fails(
        "--set data.train=./gone.txt --set eval.questions=lost.txt",
        &["./gone.txt is missing", "data.train"],
    );
    fails("--set data.train=[]", &["data.train", "at least one file"]);
    fails(
        "--set data.train=./text.txt --set eval.questions=gone.txt",
        &["gone.txt is missing", "--set eval.questions="],
    );
    dir.write("short.txt", "only four words here\n");
    fails("--set data.train=./short.txt", &["contains too little data: 4 words", "50"]);
    dir.write("empty.txt", "");
    fails("--set data.train=./empty.txt", &["./empty.txt contains no words"]);
    dir.write("bytes.txt", b"good\nbad \xff\n");
    fails(
        "--set data.train=./bytes.txt",
        &["./bytes.txt", "bytes.txt:2: the text is not UTF-8, byte 9"],
    );
    let rare = "--set data.train=./text.txt --set data.min_count=1000";
    fails(&format!("{rare} --set data.unk=drop"), &["no word", "data.min_count"]);
    let many = "--set train.algorithm=minibatch --set train.num_neg_samples=100";
    fails(&format!("--set data.train=./text.txt {many}"), &["train.num_neg_samples = 100"]);
    let cuda = "--set data.train=./text.txt --device cuda:1000";
    fails(cuda, &["--device cuda:1000", "use --device cpu"]);
    fails(&format!("{cuda} {IN_ORDER}"), &["train.deterministic", "GPU"]);
    fails("--set train.window_size=0", &["train.window_size = 0"]);
    fails("--set train.engine=fast", &["train.engine"]);
}

#[test]
fn steps_are_timed_without_data() {
    let dir = Dir::new();
    let said = dir.one_thread("bench word2vec --steps 1 --set network.embedding_size=8 --json");
    let json = said.json();
    assert_eq!((&json["item"], &json["steps"]), (&"words".into(), &1.into()));
    let [all, kept] = ["items_per_second", "second_items_per_second"].map(|field| &json[field]);
    assert!(0.0 < kept.as_f64().unwrap() && kept.as_f64() < all.as_f64(), "{json}");
    assert_eq!(json["second_item"], "kept words");
    assert!(said.stderr.contains("timing random data"), "{said:?}");
    // Steps need the text alone, not the questions.
    dir.write("text.txt", "the old sailor sees a key and sings\n".repeat(500));
    let sets =
        "--set data.train=./text.txt --set eval.questions=gone.txt --set network.embedding_size=8";
    let said = dir.one_thread(&format!("bench word2vec --steps 1 {sets}"));
    assert!(said.code == 0 && !said.stderr.contains("random data"), "{said:?}");
}

/// Threads that change the same rows without locks, each with its share of the negatives, learn as
/// well as one thread in order: the mean over three seeds, on a text that is too short for either to
/// answer all.
#[test]
fn lock_free_training_is_as_accurate_as_training_in_order() {
    let dir = Dir::new();
    let mean = |name: &str, how: &str| {
        let precision = |seed: u32| {
            let run = format!("{name}-{seed}");
            let sets = "--set train.epochs_to_train=1 --set data.analogies_words=300000 \
                        --set train.block_words=5000 -q";
            let line = format!("train word2vec --config word2vec-demo --set seed={seed} {sets}");
            dir.tfm(&format!("{line} {how} --run-dir {run}")).ok();
            let json = dir.tfm(&format!("eval word2vec --run {run} --json")).json();
            json["metrics"]["analogies"]["precision"].as_f64().unwrap()
        };
        (1..=3).map(precision).sum::<f64>() / 3.0
    };
    let in_order = mean("in-order", "--threads 1 --set train.deterministic=true");
    let lock_free = mean("lock-free", "--threads 2");
    assert!(in_order > 0.9, "{in_order}");
    assert!((lock_free - in_order).abs() < 0.015, "{lock_free} and {in_order}");
}
