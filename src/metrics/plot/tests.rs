use std::fs;

use super::*;

fn run(name: &str, records: Vec<Record>) -> (String, Vec<Record>) {
    (name.to_owned(), records)
}

fn record(step: u64, phase: &str, metric: &str, value: f64) -> Record {
    Record::new(step, 1, phase).metric(metric, value).timing("seconds", 1.0)
}

fn chart_of(points: Vec<(f64, f64)>) -> Chart {
    let curve = Curve { run: "a".to_owned(), phase: "valid".to_owned(), points };
    chart("loss", vec![curve])
}

#[test]
fn each_metric_has_a_chart_with_the_curves_of_every_run() {
    let charts = charts(&[
        run(
            "a",
            vec![
                record(1, "train", "perplexity", 900.0).metric("learning_rate", 1.0),
                record(2, "train", "perplexity", 300.0).metric("learning_rate", 0.5),
                record(2, "valid", "perplexity", 60.0),
            ],
        ),
        run("b", vec![record(2, "valid", "perplexity", 70.0)]),
    ]);
    assert_eq!(charts.len(), 2);
    let (rate, perplexity) = (&charts[0], &charts[1]);
    assert_eq!((rate.name.as_str(), rate.title.as_str()), ("learning_rate", "learning rate"));
    assert!(!rate.log_y && perplexity.log_y);
    assert_eq!(rate.curves[0].points, [(1.0, 1.0), (2.0, 0.5)]);
    let curves: Vec<_> =
        perplexity.curves.iter().map(|c| (c.run.as_str(), c.phase.as_str())).collect();
    assert_eq!(curves, [("a", "train"), ("a", "valid"), ("b", "valid")]);
}

#[test]
fn a_floor_is_a_line_in_the_chart_of_what_lies_above_it() {
    let records = vec![
        record(10, "train", "perplexity", 9.0).metric("learning_rate", 1.0),
        record(20, "valid", "perplexity", 6.0),
        record(30, "test", "perplexity", 5.0).metric("floor", 4.0),
    ];
    let charts = charts(&[run("a", records)]);
    let names: Vec<_> = charts.iter().map(|chart| chart.name.as_str()).collect();
    assert_eq!(names, ["learning_rate", "perplexity"]);
    let phases = |chart: &Chart| chart.phases().iter().map(|p| p.to_string()).collect::<Vec<_>>();
    assert_eq!(phases(&charts[0]), ["train"]);
    assert_eq!(phases(&charts[1]), ["train", "valid", "test", "floor"]);
    assert_eq!(charts[1].curves[3].points, [(10.0, 4.0), (30.0, 4.0)]);
    canvas::svg(&charts[1]).unwrap();
}

#[test]
fn what_has_no_finite_value_has_no_curve() {
    let nothing = vec![record(1, "train", "loss", f64::NAN), record(1, "valid", "bits", 2.0)];
    let charts = charts(&[run("a", nothing)]);
    assert_eq!(charts.len(), 1);
    assert_eq!(charts[0].name, "bits");
}

#[test]
fn negative_and_zero_values_keep_a_linear_axis() {
    assert!(!chart_of(vec![(0.0, 0.0), (1.0, 100.0)]).log_y);
    assert!(!chart_of(vec![(0.0, -5.0), (1.0, 100.0)]).log_y);
}

#[test]
fn pictures_have_their_size_whatever_the_points() {
    let folder = tempfile::tempdir().unwrap();
    let png = folder.path().join("loss.png");
    let mixed = vec![(0.0, 1.0), (1.0, f64::NAN), (2.0, f64::INFINITY), (3.0, 1e300), (4.0, 2.0)];
    let many = (0..20_000).map(|step| (f64::from(step), f64::from(step % 97))).collect();
    for points in [vec![(5.0, 1.0)], mixed, many] {
        let chart = chart_of(points);
        chart.write_png(&png).unwrap();
        let file = std::io::BufReader::new(fs::File::open(&png).unwrap());
        let mut reader = png::Decoder::new(file).read_info().unwrap();
        let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
        let frame = reader.next_frame(&mut pixels).unwrap();
        assert_eq!((frame.width, frame.height), (1200, 750));
        let blue = pixels.chunks_exact(3).filter(|pixel| *pixel == [0, 114, 178]).count();
        assert!(blue > 30, "{blue} pixels in the curve's colour");
    }
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn an_svg_has_its_size_and_escapes_its_text() {
    let mut chart = chart_of(vec![(0.0, 1.0), (1.0, 2.0)]);
    chart.title = "loss <&>".to_owned();
    let svg = canvas::svg(&chart).unwrap();
    assert!(svg.starts_with(r#"<svg width="1200" height="750" viewBox="0 0 3600 2250""#), "{svg}");
    assert!(svg.contains("loss &lt;&amp;&gt;") && svg.contains("#0072B2"), "{svg}");
    assert_eq!(svg, canvas::svg(&chart).unwrap(), "the same numbers give the same bytes");
}

#[test]
fn nothing_to_draw_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let error = write(folder.path(), &charts(&[])).unwrap_err().to_string();
    assert!(error.contains("no metric has a finite value"), "{error}");
    let chart = chart_of(vec![(0.0, f64::NAN)]);
    let error = chart.write_png(&folder.path().join("loss.png")).unwrap_err().to_string();
    assert_eq!(error, "the chart of \"loss\" has no finite point to draw");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn files_are_named_by_metric_and_stay_in_the_folder() {
    let folder = tempfile::tempdir().unwrap();
    let records = vec![record(1, "valid", "../top-5 error", 2.0)];
    let paths = write(&folder.path().join("plots"), &charts(&[run("a", records)])).unwrap();
    let wanted = ["___top-5_error.png", "___top-5_error.svg"];
    assert_eq!(paths, wanted.map(|name| folder.path().join("plots").join(name)));
    assert!(paths.iter().all(|path| path.is_file()));
}
