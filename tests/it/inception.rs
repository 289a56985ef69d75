//! `tfm … inception`: frozen graphs, on the small one that the program makes itself.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::dir::{Dir, Said, tfm};

const GRAPH: &str = "--graph demo/classify_image_graph_def.pb";

/// A folder with the demo's graph and pictures.
fn demo(pictures: u32) -> Dir {
    let dir = Dir::new();
    dir.tfm(&format!("data make inception-demo --out demo --pictures {pictures} -q")).ok();
    dir
}

fn lines(said: &str) -> Vec<Value> {
    said.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn the_demo_s_patterns_are_told_apart_without_any_download() {
    let dir = demo(5);
    let said = dir.tfm(&format!("eval inception {GRAPH} --images demo/pictures --json -q"));
    assert_eq!(said.code, 0, "{said:?}");
    let json = said.json();
    assert_eq!(
        (json["pictures"].as_u64(), json["top_1"].as_f64()),
        (Some(20), Some(1.0)),
        "{json}"
    );
    assert_eq!(json["classes"][2]["label"], "vertical stripes", "{json}");
    let text = dir.tfm(&format!("eval inception {GRAPH} --images demo/pictures -q")).ok();
    assert!(
        text.ends_with("20 images: top-1 accuracy 100.00 %, top-5 accuracy 100.00 %\n"),
        "{text}"
    );

    let plain = "demo/pictures/plain/000.jpg";
    let said = dir.tfm(&format!("predict inception {GRAPH} --top 1 {plain} -q")).ok();
    assert!(said.starts_with("plain (score = 0."), "{said}");
}

#[test]
fn predictions_do_not_depend_on_batches_or_threads_and_go_on_where_they_ended() {
    let dir = demo(3);
    let predict = format!("predict inception {GRAPH} --json -q");
    let whole = dir.tfm(&format!("{predict} demo/pictures")).ok();
    for options in ["--batch 1", "--batch 5 --threads 3", "--threads 1"] {
        assert_eq!(dir.tfm(&format!("{predict} {options} demo/pictures")).ok(), whole, "{options}");
    }
    assert_eq!(lines(&whole).len(), 12);

    dir.tfm(&format!("{predict} --resume out.jsonl demo/pictures/plain")).ok();
    dir.tfm(&format!("{predict} --resume out.jsonl demo/pictures")).ok();
    let mut resumed: Vec<String> = fs::read_to_string(dir.path().join("out.jsonl"))
        .unwrap()
        .lines()
        .map(str::to_owned)
        .collect();
    let mut whole: Vec<String> = whole.lines().map(str::to_owned).collect();
    resumed.sort();
    whole.sort();
    assert_eq!(resumed, whole);

    // A line that was being written when a run stopped is written again.
    let path = dir.path().join("out.jsonl");
    let torn = fs::read(&path).unwrap();
    fs::write(&path, &torn[..torn.len() - 20]).unwrap();
    let said = dir.tfm(&format!("{predict} --resume out.jsonl demo/pictures"));
    assert!(said.code == 0 && said.stderr.contains("out.jsonl:12 was cut off"), "{said:?}");
    let mut again = lines(&fs::read_to_string(&path).unwrap());
    again.sort_by_key(Value::to_string);
    let mut expect: Vec<Value> = whole.iter().map(|line| lines(line).remove(0)).collect();
    expect.sort_by_key(Value::to_string);
    assert_eq!(again, expect);
    // A whole line that lacks nothing but its end stays.
    let last = torn.strip_suffix(b"\n").unwrap();
    fs::write(&path, last).unwrap();
    dir.tfm(&format!("{predict} --resume out.jsonl demo/pictures")).ok();
    assert_eq!(fs::read(&path).unwrap(), torn);
    dir.tfm(&format!("{predict} --top 1 --resume out.jsonl demo/pictures"))
        .fails(1, &["out.jsonl:1 was predicted by another graph, run or options"]);
    dir.tfm(&format!("{predict} --labels demo/labels.txt --resume out.jsonl demo/pictures"))
        .fails(1, &["out.jsonl:1 was predicted by another graph, run or options"]);
    for text in ["not ours", "{\"file\":\"report.pdf\",\"pages\":3}", "{\"file\":\"a\",\"pages\":"]
    {
        dir.write("notes.txt", text);
        dir.tfm(&format!("{predict} --resume notes.txt demo/pictures"))
            .fails(1, &["notes.txt:1 is not a line of predictions: name another file"]);
        assert_eq!(fs::read_to_string(dir.path().join("notes.txt")).unwrap(), text);
    }
}

#[test]
fn pixels_are_fed_to_any_tensor_between_the_decoder_and_the_network() {
    let dir = demo(1);
    let predict = format!("predict inception {GRAPH} --json -q demo/pictures/checkerboard/000.jpg");
    let class = |rest: &str| {
        let json = dir.tfm(&format!("{predict} {rest}")).json();
        json["predictions"][0]["label"].as_str().unwrap().to_owned()
    };
    assert_eq!(class(""), "checkerboard");
    for input in ["Cast", "ExpandDims", "ResizeBilinear", "Sub", "Mul"] {
        assert_eq!(class(&format!("--input {input}")), "checkerboard", "{input}");
    }
    for option in ["--size 17", "--mean 0", "--scale 1", "--crop 0.5"] {
        dir.tfm(&format!("{predict} {option}"))
            .fails(1, &["has no effect", option.split(' ').next().unwrap()]);
    }
    dir.tfm(&format!("{predict} --output ArgMax")).fails(1, &["ArgMax"]);
    dir.tfm(&format!("{predict} --output Mul")).fails(1, &["not one score per class"]);
}

#[test]
fn the_sheet_takes_no_other_file_s_place() {
    let dir = demo(1);
    dir.write("own.png", "a picture");
    let eval = format!("eval inception {GRAPH} --images demo/pictures -q");
    dir.tfm(&format!("{eval} --sheet own.png")).fails(1, &["own.png already exists"]);
    dir.tfm(&format!("{eval} --sheet a.jpg")).fails(1, &["a.jpg does not end in .png"]);
    dir.tfm(&format!("{eval} --sheet none/a.png")).fails(1, &["none/a.png", "make the folder"]);
    assert_eq!(fs::read(dir.path().join("own.png")).unwrap(), b"a picture");
    dir.tfm(&format!("{eval} --sheet own.png --force")).ok();
}

#[test]
fn what_is_no_picture_is_named_and_does_not_hide_the_others() {
    let dir = demo(1);
    dir.write("bad.jpg", &fs::read(dir.path().join("demo/pictures/plain/000.jpg")).unwrap()[..200]);
    let said = dir.tfm(&format!("predict inception {GRAPH} --json bad.jpg none.jpg demo/pictures"));
    said.fails(1, &["bad.jpg", "none.jpg"]);
    assert_eq!(lines(&said.stdout).len(), 4, "{said:?}");
}

#[test]
fn features_are_written_in_three_formats() {
    let dir = demo(2);
    let embed = format!("embed inception {GRAPH} --images demo/pictures --json -q");
    let json = dir.tfm(&format!("{embed} --out a.safetensors")).json();
    let told = (json["tensor"].as_str(), json["pictures"].as_u64(), json["values"].as_u64());
    assert_eq!(told, (Some("pool_3:0"), Some(8), Some(4)), "{json}");
    dir.tfm(&format!("{embed} --out a.safetensors"))
        .fails(1, &["a.safetensors already exists", "--force"]);

    let bytes = fs::read(dir.path().join("a.safetensors")).unwrap();
    let tensors = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    let features = tensors.tensor("features").unwrap();
    assert_eq!(features.shape(), [8, 4]);
    let query = format!("query inception {GRAPH} --features a.safetensors --top 2 --json");
    let json = dir.tfm(&format!("{query} demo/pictures/checkerboard/001.jpg")).json();
    assert_eq!(json["nearest"][0]["file"], "demo/pictures/checkerboard/001.jpg", "{json}");
    assert!(json["nearest"][0]["cosine"].as_f64().unwrap() > 0.999_999, "{json}");
    dir.write("other.safetensors", "no tensors");
    dir.tfm(&format!(
        "query inception {GRAPH} --features other.safetensors demo/pictures/checkerboard/001.jpg"
    ))
    .fails(1, &["other.safetensors is not a file of tfm embed"]);
    dir.tfm(&format!("{embed} --out a.npy")).ok();
    let npy = fs::read(dir.path().join("a.npy")).unwrap();
    assert!(npy.ends_with(features.data()), "the values differ");
    dir.tfm(&format!("{embed} --format tsv --out a.tsv")).ok();
    let rows = fs::read_to_string(dir.path().join("a.tsv")).unwrap();
    let first: Vec<f32> =
        rows.lines().next().unwrap().split('\t').map(|v| v.parse().unwrap()).collect();
    let bits: Vec<u8> = first.iter().flat_map(|value| value.to_le_bytes()).collect();
    assert_eq!(bits, features.data()[..16]);
    let names = fs::read_to_string(dir.path().join("a.names.tsv")).unwrap();
    assert_eq!(names.lines().count(), 8);
}

#[test]
fn any_tensor_is_computed_and_near_names_are_told() {
    let dir = demo(1);
    let embed = |output: &str| {
        let picture = "demo/pictures/plain/000.jpg";
        dir.tfm(&format!(
            "embed inception {GRAPH} --images {picture} --output {output} --json --force"
        ))
    };
    for (output, values) in [("softmax", 4), ("Mul:0", 32 * 32 * 3), ("conv", 30 * 30 * 4)] {
        let said = embed(output);
        assert_eq!(said.code, 0, "{said:?}");
        assert_eq!(said.json()["values"], values, "{said:?}");
    }
    embed("sofmax").fails(1, &["has no node sofmax", "is it softmax"]);
    let wrong = |input: &str| dir.tfm(&format!("predict inception {GRAPH} --input {input} x.jpg"));
    wrong("Mull").fails(1, &["has no node Mull", "Mul"]);
}

#[test]
fn graphs_are_shown_and_timed_and_other_files_are_named() {
    let dir = demo(1);
    let graph = "demo/classify_image_graph_def.pb";
    let json = dir.tfm(&format!("models show inception --graph {graph} --json")).json();
    assert_eq!(json["inputs"][0], "DecodeJpeg/contents", "{json}");
    assert_eq!(json["default_output"], "softmax", "{json}");
    assert_eq!(json["operations"]["BatchNormWithGlobalNormalization"], 1, "{json}");
    let dot = dir.tfm(&format!("models show inception --graph {graph} --dot")).ok();
    assert!(dot.starts_with("digraph {\n") && dot.contains("\"Mul\" -> \"conv/Conv2D\";"), "{dot}");
    let json = dir
        .tfm(&format!("bench inception --graph {graph} --steps 2 --batch 3 --layers --json"))
        .json();
    assert_eq!(json["layers"][0]["operator"], "conv2d + batch_norm + relu", "{json}");

    dir.write("lfs.pb", "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 5\n");
    dir.write("cut.pb", &fs::read(dir.path().join(graph)).unwrap()[..900]);
    for (file, words) in [("lfs.pb", "Git LFS"), ("cut.pb", "cut.pb"), ("none.pb", "none.pb")] {
        let said: Said = dir.tfm(&format!("models show inception --graph {file}"));
        said.fails(1, &[words]);
    }
    dir.tfm("predict inception x.jpg").fails(1, &["tfm data fetch inception", "--graph"]);
}

/// MobileNet-v1, and the folder `imagenet` of `TFM_DATA_DIR` with it and photographs.
pub struct MobileNet {
    pub data: PathBuf,
    pub graph: PathBuf,
}

impl MobileNet {
    /// None where it is not there, and says that the test is skipped.
    pub fn find() -> Option<Self> {
        let Some(dir) = std::env::var_os("TFM_DATA_DIR") else {
            eprintln!("SKIPPED: TFM_DATA_DIR is not set");
            return None;
        };
        let data = Path::new(&dir).join("imagenet");
        let graph = data.join("mobilenet_v1_1.0_224_imagenet1001.pb");
        if !graph.exists() {
            eprintln!("SKIPPED: there is no {}", graph.display());
            return None;
        }
        Some(Self { data, graph })
    }
}

/// Needs `imagenet` in `TFM_DATA_DIR`: MobileNet-v1 and photographs. TensorFlow 2.15's five most
/// probable classes, of decode_jpeg, the legacy resize_bilinear to 224, x / 127.5 - 1 and softmax.
#[test]
fn photographs_have_tensorflow_s_probabilities() {
    let Some(MobileNet { data, graph }) = MobileNet::find() else { return };
    let dir = Dir::new();
    let mut command = tfm();
    command.args(["predict", "inception", "--json", "-q", "--graph"]).arg(&graph);
    for (photo, _) in TENSORFLOW {
        command.arg(data.join("photos").join(photo));
    }
    let said = dir.run(&mut command);
    assert_eq!(said.code, 0, "{said:?}");
    for (got, (photo, wanted)) in lines(&said.stdout).iter().zip(TENSORFLOW) {
        for (place, (index, score)) in wanted.into_iter().enumerate() {
            let prediction = &got["predictions"][place];
            assert_eq!(prediction["index"], index, "{photo}");
            let error = (prediction["score"].as_f64().unwrap() - score).abs();
            assert!(error < 1e-4, "{photo}: {error}");
        }
    }
}

type Expected = (&'static str, [(u64, f64); 5]);
const TENSORFLOW: [Expected; 5] = [
    (
        "n01484850_great_white_shark.JPEG",
        [(3, 0.599532), (395, 0.144264), (366, 0.080461), (342, 0.027593), (4, 0.014266)],
    ),
    (
        "n02088364_beagle.JPEG",
        [(163, 0.963186), (165, 0.019831), (167, 0.012766), (168, 0.002021), (169, 0.000806)],
    ),
    (
        "n02277742_ringlet.JPEG",
        [(323, 0.942380), (326, 0.031090), (327, 0.021142), (322, 0.004614), (324, 0.000300)],
    ),
    (
        "n03388043_fountain.JPEG",
        [(563, 0.231835), (880, 0.141703), (540, 0.135121), (463, 0.101865), (771, 0.039891)],
    ),
    (
        "n04371430_swimming_trunks.JPEG",
        [(843, 0.521290), (978, 0.223531), (891, 0.039126), (485, 0.029095), (839, 0.019600)],
    ),
];
