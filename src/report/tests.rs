//! Pages that hold what they should, and nothing that ends them.

use std::fs;

use super::*;
use crate::analysis::index;
use crate::models::fake;
use crate::run::Annotations;

fn runs(names: &[&str]) -> (tempfile::TempDir, Vec<RunSummary>) {
    let root = tempfile::tempdir().unwrap();
    for name in names {
        fake::run_of(root.path(), name, "ptb", "");
    }
    let runs = index::read(&[root.path().to_owned()]).unwrap().runs;
    (root, runs)
}

/// The JSON that a page holds.
fn held(page: &str) -> Value {
    let (_, rest) = page.split_once("<script type=\"application/json\" id=\"contents\">").unwrap();
    serde_json::from_str(rest.split_once("</script>").unwrap().0).unwrap()
}

#[test]
fn a_page_holds_all_that_it_shows() {
    let (_root, mut runs) = runs(&["a", "b"]);
    runs[1].config.insert("train.learning_rate".into(), 0.5.into());
    runs[1].metrics.insert("valid_perplexity".into(), 100.0.into());
    let page = page("two & more", "now", &runs, &[]).unwrap();
    assert!(page.contains("<title>two &amp; more</title>"));
    for word in ["http://", "https://", "src=", "@import", "fetch("] {
        // The names of XML are no addresses.
        let rest = page.replace("http://www.w3.org/", "");
        assert!(!rest.contains(word), "the page asks for something: {word}");
    }
    let json = held(&page);
    assert_eq!(json["keys"], json!(["train.learning_rate"]));
    let objective = json!({ "name": "valid_perplexity", "lower": true });
    assert_eq!(json["objectives"], json!({ "ptb": objective }));
    // The better experiment is the first.
    assert_eq!(
        (&json["groups"][0]["value"], &json["groups"][1]["value"]),
        (&json!(100.0), &json!(121.0))
    );
    assert_eq!((&json["runs"][0]["group"], &json["runs"][1]["group"]), (&json!(1), &json!(0)));
    let chart = json["charts"]
        .as_array()
        .unwrap()
        .iter()
        .find(|chart| chart["name"] == "perplexity")
        .unwrap();
    assert_eq!(chart["curves"][0]["y"], json!([300, 200]));
    assert_eq!(json["palette"].as_array().unwrap().len(), 8);
}

#[test]
fn nothing_that_a_user_writes_ends_the_script() {
    let (_root, mut runs) = runs(&["a"]);
    let note = "</script><b>{contents}{script}".to_owned();
    runs[0].annotations = Annotations { note: note.clone(), ..Annotations::default() };
    let page = page("</title><i>{style}", "now", &runs, &[]).unwrap();
    assert_eq!(held(&page)["runs"][0]["note"], note.as_str());
    assert!(!page.contains("</script><b>") && !page.contains("</title><i>"));
}

#[test]
fn long_curves_keep_their_shape_and_their_end() {
    let points = (0..1001).map(|x| (f64::from(x), 1.0 / 3.0)).collect();
    let curve = Curve { run: "7".to_owned(), phase: "train".to_owned(), points, band: Vec::new() };
    let json = curve_in_json(&curve, 100);
    let x = json["x"].as_array().unwrap();
    assert!((80..=100).contains(&x.len()), "{}", x.len());
    assert_eq!(
        (&x[x.len() - 1], &json["run"], &json["y"][0]),
        (&json!(1000), &json!(7), &json!(0.333333))
    );
    let short = Curve { points: vec![(1.0, f64::NAN), (2.0, 3.0)], ..curve };
    assert_eq!(curve_in_json(&short, 100)["x"], json!([2]));
}

#[test]
fn a_run_that_failed_shows_its_last_lines() {
    let (root, mut runs) = runs(&["s/points/0001"]);
    let sweep = root.path().join("s");
    fs::create_dir(sweep.join("logs")).unwrap();
    let lines: Vec<_> = (0..50).map(|i| format!("line {i}")).collect();
    fs::write(sweep.join("logs/0001.txt"), lines.join("\n")).unwrap();
    runs[0].state = State::Failed;
    assert_eq!(log(&runs[0]), lines[30..]);
}

#[test]
fn runs_of_two_sweeps_have_names_of_their_own() {
    let (_root, mut runs) = runs(&["s/points/0001", "t/points/0001", "t/points/0002"]);
    runs.sort_by(|a, b| a.path.cmp(&b.path));
    assert_eq!(names(&runs), ["s/points/0001", "t/points/0001", "0002"]);
    // A path named twice ends too, and so does one that is the end of another.
    runs[0].path = "points/0001".into();
    runs[2].path = "points/0001".into();
    assert_eq!(names(&runs)[0], "points/0001");
    assert_eq!(names(&runs)[2], "points/0001");
}

#[test]
fn each_model_is_ranked_by_its_own_score() {
    let (_root, mut runs) = runs(&["a", "b", "c"]);
    runs[1].manifest.model = "mnist".into();
    runs[1].config.insert("data.validation_size".into(), 500.into());
    runs[1].metrics.insert("valid_error".into(), 2.5.into());
    runs[2].config.insert("train.learning_rate".into(), 0.5.into());
    runs[2].metrics.insert("valid_perplexity".into(), 100.0.into());
    let json = contents("two models", "now", &runs);
    assert_eq!(json["objectives"]["mnist"]["name"], "valid_error");
    assert_eq!(json["objectives"]["ptb"]["name"], "valid_perplexity");
    let of = |index: usize| (&json["groups"][index]["model"], &json["groups"][index]["value"]);
    assert_eq!(of(0), (&json!("mnist"), &json!(2.5)));
    assert_eq!(of(1), (&json!("ptb"), &json!(100.0)));
    assert_eq!(of(2), (&json!("ptb"), &json!(121.0)));
    // What one model alone has, and always the same, is no setting that was tried.
    assert_eq!(json["keys"], json!(["train.learning_rate"]));
}

#[test]
fn two_runs_of_one_seed_are_one_replica() {
    let (_root, mut runs) = runs(&["a", "b", "c"]);
    runs[2].manifest.seed = 2;
    let json = contents("seeds", "now", &runs);
    assert_eq!((json["groups"].as_array().unwrap().len(), &json["groups"][0]["n"]), (1, &json!(2)));
}
