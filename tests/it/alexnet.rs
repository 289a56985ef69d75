//! `tfm bench alexnet`

use crate::dir::Dir;

#[test]
fn both_passes_and_every_layer_are_timed() {
    let dir = Dir::new();
    let said = dir.tfm("bench alexnet --batch 2 --steps 1 --json --threads 2");
    assert_eq!(said.code, 0, "{said:?}");
    let json = said.json();
    assert_eq!((&json["model"], &json["preset"]), (&"alexnet".into(), &"alexnet".into()));
    assert_eq!((&json["device"], &json["threads"]), (&"cpu".into(), &2.into()));
    assert_eq!((&json["batch_size"], &json["steps"]), (&2.into(), &1.into()));
    assert_eq!((&json["item"], &json["lrn"]), (&"images".into(), &false.into()));
    assert!(json["isa"].is_string() && json["git_revision"].is_string(), "{json}");
    for field in ["items_per_second", "seconds_per_step", "gflops", "share_of_peak"] {
        assert!(json[field].as_f64().unwrap() > 0.0, "{json}");
    }
    for pass in ["forward", "forward_backward"] {
        for field in ["seconds_per_step", "items_per_second", "gflops", "share_of_peak"] {
            assert!(json[pass][field].as_f64().unwrap() > 0.0, "{json}");
        }
        // One batch deviates from its own mean by nothing.
        assert!(json[pass]["deviation"].as_f64().unwrap().abs() < 1e-6, "{json}");
    }
    // Five convolutions and three poolings, forward and backward, and the loss.
    let layers = json["layers"].as_array().unwrap();
    assert_eq!(layers.len(), 17, "{json}");
    for (field, value) in [("name", "conv1"), ("operator", "conv2d + relu"), ("pass", "forward")] {
        assert_eq!(layers[0][field], value, "{json}");
    }
    assert_eq!(layers[0]["output"], serde_json::json!([2, 56, 56, 64]));
    // The images have no gradient: conv1 goes back with that of its filters alone.
    assert_eq!(layers[16]["name"], "conv1");
    assert_eq!(layers[16]["gflop"], layers[0]["gflop"]);

    let shapes = ["conv1", "pool1", "conv2", "pool2", "conv3", "conv4", "conv5", "pool5"];
    let said_shapes: Vec<_> = said.stderr.lines().filter(|line| line.contains("   [")).collect();
    assert_eq!(said_shapes.len(), shapes.len(), "{said:?}");
    for (line, name) in said_shapes.into_iter().zip(shapes) {
        assert!(line.starts_with(&format!("{name}   [2, ")), "{line}");
    }
    for pass in ["Forward", "Forward-backward"] {
        let part = format!(": {pass} across 1 steps, ");
        let line = said.stderr.lines().find(|line| line.contains(&part)).unwrap();
        assert!(line.contains(" +/- ") && line.ends_with(" sec / batch"), "{line}");
    }
    assert!(said.stderr.contains(": step 0, duration = "), "{said:?}");
}

#[test]
fn normalisation_is_timed_where_it_is_asked_for() {
    let dir = Dir::new();
    let line = "bench alexnet --lrn --batch 1 --steps 1 --threads 2";
    let said = dir.tfm(&format!("{line} --json"));
    let json = said.json();
    assert_eq!((&json["lrn"], &json["batch_size"]), (&true.into(), &1.into()));
    for pass in ["forward", "forward_backward"] {
        assert!(json[pass]["seconds_per_step"].as_f64().unwrap() > 0.0, "{json}");
    }
    // The shapes are those without it.
    assert_eq!(said.stderr.lines().filter(|line| line.contains("   [1, ")).count(), 8, "{said:?}");
    let text = dir.tfm(&format!("{line} -q")).ok();
    let rows: Vec<_> = text.lines().filter(|line| line.starts_with("conv")).collect();
    assert_eq!(rows.len(), 10, "{text}");
    assert!(text.contains("\nnorm1 + pool1 "), "{text}");
    assert!(text.contains("\nForward-backward "), "{text}");
}

#[test]
fn settings_are_refused_with_key_and_rule() {
    let dir = Dir::new();
    dir.tfm("bench alexnet --batch 0").fails(1, &["batch_size = 0", "1"]);
    dir.tfm("bench alexnet --steps 0").fails(1, &["num_batches = 0", "1"]);
    dir.tfm("bench alexnet --batch 4097").fails(1, &["batch_size = 4097", "4096"]);
    dir.tfm("train alexnet").fails(2, &["alexnet"]);
    assert!(dir.files().is_empty());
}
