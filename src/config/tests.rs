use serde::Deserialize;

use super::*;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
struct Train {
    learning_rate: f64,
    decay: f32,
    batch_size: usize,
    milestones: Vec<usize>,
    gains: Vec<f64>,
    texts: Vec<String>,
    shuffle: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Precision {
    F32,
    F16,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
struct Toy {
    train: Train,
    // A value after a table: the writer has to put it before.
    model: String,
    data: String,
    dtype: Precision,
    seed: u64,
    expect: Expect,
}

impl Default for Toy {
    fn default() -> Self {
        let train = Train {
            learning_rate: 1.0,
            decay: 0.1,
            batch_size: 20,
            milestones: vec![],
            gains: vec![1.0],
            texts: vec!["a.txt".into()],
            shuffle: true,
        };
        Self {
            train,
            model: "toy".into(),
            data: "a.txt".into(),
            dtype: Precision::F32,
            seed: 1,
            expect: Expect::new(),
        }
    }
}

impl Config for Toy {
    const FREE_TABLES: &'static [&'static str] = &["expect"];
    const RENAMED: &'static [(&'static str, &'static str)] = &[("train.size", "train.batch_size")];

    fn validate(&self) -> Result<(), Invalid> {
        at_least("train.batch_size", self.train.batch_size, 1)?;
        positive("train.learning_rate", self.train.learning_rate)?;
        check_expect("expect", &self.expect, &["perplexity"])
    }
}

const SMALL: &str = "# Small.\nmodel = \"toy\"\n\n[train]\nbatch_size = 4 # few\n";

fn toy(text: &'static str, sets: &[&str]) -> Result<Loaded<Toy>> {
    let presets = [Preset { name: "toy-small", text }, Preset { name: "toy-large", text: SMALL }];
    let sets: Vec<_> = sets.iter().map(|&set| set.to_owned()).collect();
    load(None, "toy-small", &presets, &sets)
}

/// The one line that loading `text` with `sets` ends in.
#[track_caller]
fn refuses(text: &'static str, sets: &[&str], expect: &str) {
    let error = toy(text, sets).map(|loaded| loaded.config).expect_err("is refused");
    let error = format!("{error:#}");
    assert_eq!(error, expect);
    assert_eq!(error.lines().count(), 1);
}

#[test]
fn a_preset_lies_over_the_defaults_and_set_over_both() {
    let loaded = toy(SMALL, &["train.learning_rate=2", "data=b.txt"]).unwrap();
    assert_eq!((loaded.name.as_str(), loaded.source.as_str()), ("toy-small", "preset toy-small"));
    let mut expect = Toy { data: "b.txt".into(), ..Toy::default() };
    expect.train.batch_size = 4;
    expect.train.learning_rate = 2.0;
    assert_eq!(loaded.config, expect);
    assert_eq!(loaded.place("train.batch_size").to_string(), "preset toy-small:5");
    assert_eq!(loaded.place("train.learning_rate").to_string(), "--set train.learning_rate=2");
    assert_eq!(loaded.place("seed"), ValueOrigin::Default);
}

#[test]
fn unknown_keys_are_named_with_place_and_nearest() {
    refuses(
        "model = \"toy\"\n[train]\n\nlerning_rate = 1.0",
        &[],
        "preset toy-small:4: unknown key \"train.lerning_rate\"; did you mean \"train.learning_rate\"?",
    );
    refuses("[trian]", &[], "preset toy-small:1: unknown key \"trian\"; did you mean \"train\"?");
    refuses(
        SMALL,
        &["train.lr=1"],
        "--set train.lr: unknown key; did you mean \"train.learning_rate\"?",
    );
    refuses(
        SMALL,
        &["train.shuffle.often=1"],
        "--set train.shuffle.often: unknown key; did you mean \"train.shuffle\"?",
    );
    refuses(
        "[train]\nqqqqqqqqq = 1",
        &[],
        "preset toy-small:2: unknown key \"train.qqqqqqqqq\"; the keys of [train] are: batch_size, decay, gains, learning_rate, milestones, shuffle, texts",
    );
}

#[test]
fn one_value_stands_for_an_array_of_one() {
    let config = |text, sets: &[&str]| toy(text, sets).unwrap().config.train;
    assert_eq!(config("[train]\ngains = 0.5\ntexts = \"b.txt\"", &[]).gains, [0.5]);
    assert_eq!(config("", &["train.texts=b c.txt"]).texts, ["b c.txt"]);
    assert_eq!(config("", &["train.texts=\"b.txt\""]).texts, ["b.txt"]);
    assert_eq!(config("", &["train.texts=[\"b\", \"c\"]"]).texts, ["b", "c"]);
}

#[test]
fn a_wrong_type_names_key_value_expected_type_and_place() {
    refuses(
        "[train]\nbatch_size = 4.0",
        &[],
        "train.batch_size = 4.0 is a float; it must be an integer (preset toy-small:2)",
    );
    refuses(
        "[train]\nlearning_rate = \"fast\"",
        &[],
        "train.learning_rate = \"fast\" is a string; it must be a float (preset toy-small:2)",
    );
    refuses("train = 5", &[], "train = 5 is an integer; it must be a table (preset toy-small:1)");
    refuses(
        "[train.shuffle]\na = 1",
        &[],
        "train.shuffle is a table; it must be true or false (preset toy-small:1)",
    );
    refuses(
        "[train]\ngains = [1.0, \"x\"]",
        &[],
        "train.gains = [1.0, \"x\"] is an array; it must be an array of floats (preset toy-small:2)",
    );
    refuses(
        "[train]\nmilestones = [-1]",
        &[],
        "train.milestones = [-1]: invalid value: integer `-1`, expected a whole number, 0 or more (preset toy-small:2)",
    );
    refuses(
        "seed = 3\ndtype = \"f8\"",
        &[],
        "dtype = \"f8\": unknown variant `f8`, expected `f32` or `f16` (preset toy-small:2)",
    );
    refuses(SMALL, &["train=5"], "train = 5 is an integer; it must be a table (--set train=5)");
    refuses(
        SMALL,
        &["train.learning_rate=fast"],
        "--set train.learning_rate=fast: the value must be a float",
    );
}

#[test]
fn what_is_not_finite_is_refused_by_a_general_rule() {
    refuses(
        "[train]\nlearning_rate = nan",
        &[],
        "train.learning_rate = nan must be finite (preset toy-small:2)",
    );
    refuses(
        SMALL,
        &["train.gains=[1, -inf]"],
        "train.gains = [1.0, -inf] must be finite (--set train.gains=[1, -inf])",
    );
    refuses(
        SMALL,
        &["train.decay=1e300"],
        "train.decay is too large for its type (--set train.decay=1e300)",
    );
}

#[test]
fn a_value_out_of_range_names_the_rule_and_its_origin() {
    refuses(
        "\n[train]\nbatch_size = 0",
        &[],
        "train.batch_size = 0 must be at least 1 (preset toy-small:3)",
    );
    refuses(
        SMALL,
        &["train.learning_rate=-0.5"],
        "train.learning_rate = -0.5 must be above 0 (--set train.learning_rate=-0.5)",
    );
    let loaded = toy(SMALL, &[]).unwrap();
    let error = loaded.error(&Invalid::new("seed", "must be lucky"));
    assert_eq!(error.to_string(), "seed = 1 must be lucky (default)");
}

#[test]
fn syntax_errors_and_duplicates_name_the_line() {
    for (text, line) in [
        ("model = \"toy\"\n[train\n", 2),
        ("seed = 1\nseed = 2\n", 2),
        ("[train]\nshuffle = true\n[train]\ndecay = 1.0\n", 3),
        ("seed = \n", 1),
    ] {
        let error = toy(text, &[]).map(|loaded| loaded.config).expect_err(text).to_string();
        assert!(error.starts_with(&format!("preset toy-small:{line}: ")), "{error}");
        assert_eq!(error.lines().count(), 1, "{error}");
    }
    refuses(
        SMALL,
        &["seed=1", "seed=2"],
        "--set seed=2: seed is already set by --set seed=1; set it once",
    );
    // By its old name and by today's.
    refuses(
        "[train]\nsize = 3\nbatch_size = 4\n",
        &[],
        "preset toy-small:3: train.batch_size is already set by preset toy-small:2; set it once",
    );
}

#[test]
fn set_explains_itself() {
    refuses(SMALL, &["seed"], "--set seed: no value; write --set seed=VALUE");
    refuses(SMALL, &["=3"], "--set =3: no key; write --set KEY=VALUE");
    refuses(
        SMALL,
        &["seed=99999999999999999999"],
        "seed = 99999999999999999999 does not fit a signed 64-bit integer (--set seed=99999999999999999999)",
    );
}

#[test]
fn set_takes_words_strings_and_tables() {
    for (set, data) in [("data=b", "b"), ("data=12", "12"), ("data=\"b c\"", "b c"), ("data=", "")]
    {
        assert_eq!(toy(SMALL, &[set]).unwrap().config.data, data, "{set}");
    }
    let config = toy(SMALL, &["train={ batch_size = 7, decay = 2 }", "dtype=f16"]).unwrap().config;
    assert_eq!((config.train.batch_size, config.train.decay), (7, 2.0));
    assert_eq!(config.dtype, Precision::F16);
}

#[test]
fn a_free_table_takes_any_name_and_its_entries_are_typed() {
    let text = "[expect]\nperplexity = { value = 116, tolerance = 1.5 }";
    let config = toy(text, &["expect.perplexity.tolerance=2"]).unwrap().config;
    assert_eq!(config.expect["perplexity"], Expectation { value: 116.0, tolerance: 2.0 });
    refuses(
        "[expect]\nperplexity = { value = 116.0, tolerence = 1.5 }",
        &[],
        "expect.perplexity: unknown field `tolerence`, expected `value` or `tolerance` (preset toy-small:2)",
    );
    refuses(
        "[expect]\nppl = { value = 116.0, tolerance = 1.5 }",
        &[],
        "expect.ppl is not a metric; the metrics are: perplexity (preset toy-small:2)",
    );
    // A table of which each part is given by itself is where its first part is.
    refuses(
        "",
        &["expect.ppl.value=1", "expect.ppl.tolerance=1"],
        "expect.ppl is not a metric; the metrics are: perplexity (--set expect.ppl.tolerance=1)",
    );
    refuses(
        "[expect.perplexity]\nvalue = 116.0\ntolerance = -1",
        &[],
        "expect.perplexity.tolerance = -1.0 must be at least 0 (preset toy-small:1)",
    );
}

#[test]
fn a_config_of_another_model_is_refused_first() {
    refuses(
        "seed = 1\nmodel = \"other\"\nfoo = 1",
        &[],
        "this is a config of model \"other\", not of \"toy\" (preset toy-small:2)",
    );
    refuses(SMALL, &["model=other"], "model = \"other\" must be \"toy\" (--set model=other)");
}

#[test]
fn a_name_is_a_preset_and_a_path_a_file() {
    let presets = [Preset { name: "toy-small", text: SMALL }];
    let load = |name: &str| load::<Toy>(Some(name), "toy-small", &presets, &[]);
    let error = load("toy-smal").unwrap_err().to_string();
    assert_eq!(
        error,
        "unknown preset \"toy-smal\"; did you mean \"toy-small\"? the presets are: toy-small; a \
         file name must end in .toml"
    );
    let error = load("toy-small.toml").unwrap_err().to_string();
    assert_eq!(error, "cannot read toy-small.toml; the preset of that name is --config toy-small");

    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("mine.toml");
    std::fs::write(&path, "model = \"toy\"\r\nseed = 9\r\n[train]\r\nbatch_size = 0\r\n").unwrap();
    let path = path.to_str().unwrap();
    assert_eq!(model_of(path, &presets).unwrap(), "toy");
    let error = load(path).unwrap_err().to_string();
    assert_eq!(error, format!("train.batch_size = 0 must be at least 1 ({path}:4)"));
    std::fs::write(path, "seed = 9").unwrap();
    assert_eq!(load(path).unwrap().name, "mine");
    assert!(model_of(path, &presets).unwrap_err().to_string().contains("no model"));
}

#[test]
fn toml_reads_back_to_the_bit() {
    let mut config = Toy::default();
    for (rate, decay) in [(0.1 + 0.2, 0.1), (f64::MIN_POSITIVE, f32::MAX), (1e22, 1.0 / 3.0)] {
        config.train.learning_rate = rate;
        config.train.decay = decay;
        config.data = "a \"quoted\"\nname".into();
        config.expect.insert("perplexity".into(), Expectation { value: rate, tolerance: 1e-9 });
        let text = to_toml(&config).unwrap();
        let resumed = resume::<Toy>("x", Path::new("r/config.toml"), &text, &[]).unwrap();
        assert_eq!(resumed.previous, config);
        assert_eq!(resumed.loaded.config, config);
        assert_eq!(to_toml(&resumed.previous).unwrap(), text);
        toml::from_str::<Toy>(&text).unwrap();
    }
}

#[test]
fn a_resumed_run_may_change_what_is_allowed() {
    let text = to_toml(&Toy::default()).unwrap();
    let sets = ["seed=2", "train.batch_size=8"].map(str::to_owned);
    let resumed = resume::<Toy>("x", Path::new("r/config.toml"), &text, &sets).unwrap();
    let (old, new) = (resumed.previous, resumed.loaded.config);
    assert_eq!(
        differences(&old, &new, &["seed"]).unwrap(),
        [Difference { key: "train.batch_size".into(), old: "20".into(), new: "8".into() }]
    );
    assert_eq!(differences(&old, &new, &["seed", "train"]).unwrap(), []);
    assert_eq!(
        refuse_differences(&old, &new, &["seed"]).unwrap_err().to_string(),
        "a resumed run cannot change train.batch_size (20 in the run, 8 now); only these may \
         change: seed; start a new run for the rest"
    );
}
