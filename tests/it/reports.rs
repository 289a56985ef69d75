//! `tfm report` and `tfm watch`: runs looked at.

use std::fs;

use serde_json::Value;

use crate::dir::{Dir, tfm};
use crate::ptb::{Background, Run, train};

fn two(dir: &Dir) {
    for seed in [1, 2] {
        dir.tfm(&train(&format!(
            "-q --set train.max_max_epoch=2 --seed {seed} --run-dir runs/seed-{seed}"
        )))
        .ok();
    }
}

/// The JSON that a page holds.
fn held(dir: &Dir, name: &str) -> Value {
    let page = fs::read_to_string(dir.path().join(name)).unwrap();
    let (_, rest) = page.split_once("id=\"contents\">").unwrap();
    serde_json::from_str(rest.split_once("</script>").unwrap().0).unwrap()
}

#[test]
fn a_report_is_one_file_and_its_numbers_another() {
    let dir = Dir::new();
    two(&dir);
    let said = dir.tfm("report runs -o out.html").ok();
    assert_eq!(said, "out.html\nout.csv\n");
    let json = held(&dir, "out.html");
    assert_eq!(json["groups"][0]["n"], 2);
    assert_eq!(json["groups"][0]["scores"]["test_perplexity"]["n"], 2);
    assert_eq!(json["runs"][1]["seed"], 2);
    assert!(json["runs"][0]["command"].as_str().unwrap().contains("--run-dir runs/seed-1"));
    assert!(json["charts"].as_array().unwrap().iter().any(|chart| chart["name"] == "perplexity"));
    let csv = fs::read_to_string(dir.path().join("out.csv")).unwrap();
    assert_eq!(csv.lines().count(), 3);
    dir.tfm("report runs -o out.html").fails(1, &["out.html already exists", "--force"]);
    dir.tfm("report runs -o out.html --force --title mine").ok();
    assert_eq!(held(&dir, "out.html")["title"], "mine");
    let run = "runs/seed-1/metrics.jsonl";
    dir.tfm(&format!("report runs -o {run} --force")).fails(1, &["is a file of a run"]);
    dir.tfm("report nowhere").fails(1, &["nowhere does not exist"]);
    dir.tfm("report runs -o a.csv")
        .fails(1, &["the report cannot be named a.csv; give -o another extension"]);
    dir.tfm("report runs -o none/a.html").fails(1, &["cannot write none/a.csv"]);
}

/// What a reader does, and what must come of it.
const READER: &str = r##"<script>
{
const said = [];
const expect = (what, holds) => said.push((holds ? "ok " : "WRONG ") + what);
const cells = place => [...document.querySelectorAll("#table tbody tr")].map(row => row.cells[place].textContent);
const heads = () => [...document.querySelectorAll("#table th")];
const seeds = heads().findIndex(head => head.textContent === "seed");
heads()[seeds].click();
expect("sorted up", cells(seeds).join() === "1,1,2,2");
heads()[seeds].click();
expect("sorted down", cells(seeds).join() === "2,2,1,1");
document.getElementById("filter").value = "seed=2 finished";
document.getElementById("filter").dispatchEvent(new Event("input"));
expect("filtered", cells(seeds).join() === "2,2");
const svg = document.querySelector("figure[data-chart=perplexity] svg"), box = svg.getBoundingClientRect();
const tip = document.getElementById("tip");
for (let x = box.left; x < box.right && !tip.textContent; x += 5)
  for (let y = box.top; y < box.bottom && !tip.textContent; y += 5)
    svg.dispatchEvent(new MouseEvent("mousemove", { clientX: x, clientY: y }));
expect("hovered " + tip.textContent, / at step \d+$/.test(tip.textContent) && tip.style.display === "block");
expect("bands", svg.querySelectorAll("path[opacity='0.15']").length > 0);
const curves = () => document.querySelectorAll("figure[data-chart=perplexity] .curve").length;
const before = curves();
document.getElementById("bands").click();
expect("curves of seeds", curves() === 2 * before);
const ticks = (low, high) => scale([low, high], 0, 100, true).ticks.join();
expect("ticks " + ticks(0.15, 4.2), ticks(0.15, 4.2) === "0.2,0.5,1,2" && ticks(1e-5, 1) === "0.00001,0.0001,0.001,0.01,0.1,1");
const words = spread({ mean: 290.9876, sd: 0.98649, n: 4 });
expect("spread " + words, words === "290.99 ± 0.99 (n 4)");
const legend = [...document.querySelectorAll("#legend > span")].map(entry => entry.textContent);
expect("legend " + legend, legend.sort().join() === "train.learning_rate=0.25,train.learning_rate=1");
const best = document.getElementById("best").textContent;
expect("best " + best, best.includes("train.learning_rate=1 (ptb-demo "));
expect("scatter", document.querySelectorAll("#scatter circle").length === 4);
document.body.append("SAID: " + said.join("; ") + " DONE");
}
</script></body>"##;

#[test]
fn a_browser_shows_a_report_and_its_reader_sorts_and_hovers() {
    let dir = Dir::new();
    for (rate, seed) in [(1.0, 1), (1.0, 2), (0.25, 1), (0.25, 2)] {
        let line = format!(
            "-q --set train.max_max_epoch=3 --set train.learning_rate={rate} --seed {seed} \
             --run-dir runs/{rate}-{seed}"
        );
        dir.tfm(&train(&line)).ok();
    }
    dir.tfm("report runs -o out.html").ok();
    let page = fs::read_to_string(dir.path().join("out.html")).unwrap();
    let read = dir.write("read.html", page.replace("</body>", READER));
    let mut browser = std::process::Command::new("chromium");
    browser.args([
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--enable-logging=stderr",
        "--dump-dom",
    ]);
    browser.arg(format!("--user-data-dir={}", dir.path().join("browser").display()));
    let Ok(said) = browser.arg(format!("file://{}", read.display())).output() else {
        println!("SKIPPED: there is no chromium");
        return;
    };
    let (page, log) =
        (String::from_utf8_lossy(&said.stdout), String::from_utf8_lossy(&said.stderr));
    assert!(!log.contains("CONSOLE"), "{log}");
    let (_, said) = page.rsplit_once("SAID: ").unwrap_or_else(|| panic!("no script ran: {log}"));
    let said = said.split_once(" DONE").unwrap().0;
    assert!(!said.contains("WRONG") && said.matches("ok ").count() == 11, "{said}");
}

#[test]
fn a_folder_is_watched_until_nothing_is_trained_any_more() {
    let dir = Dir::new();
    two(&dir);
    let once = dir.tfm("watch runs --once").ok();
    assert!(once.contains("seed-1  finished  38/38  test_perplexity "), "{once}");
    let mut training =
        Background::tfm(&dir, &train("--set train.max_max_epoch=60 --run-dir runs/more"));
    let run = Run::of(&dir, "runs/more");
    assert!(training.until(|_| run.text("metrics.jsonl").lines().count() > 2));
    let watched = dir.run(tfm().args(["watch", "runs"]).env("TERM", "dumb")).ok();
    training.end();
    assert!(watched.contains("runs/more running "), "{watched}");
    assert!(watched.contains("runs/more finished 1140/1140, test_perplexity "), "{watched}");
    assert!(!watched.contains('\x1b'), "{watched}");
    dir.tfm("watch nowhere").fails(1, &["nowhere does not exist"]);
}
