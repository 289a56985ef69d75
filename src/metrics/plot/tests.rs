use std::fs;

use super::*;

fn run(name: &str, records: Vec<Record>) -> (String, Vec<Record>) {
    (name.to_owned(), records)
}

fn record(step: u64, phase: &str, metric: &str, value: f64) -> Record {
    Record::new(step, 1, phase).metric(metric, value).timing("seconds", 1.0)
}

fn chart_of(points: Vec<(f64, f64)>) -> Chart {
    let curve = Curve { run: "a".to_owned(), phase: "valid".to_owned(), points, band: Vec::new() };
    chart("loss", X::Step, vec![curve])
}

#[test]
fn each_metric_has_a_chart_with_the_curves_of_every_run() {
    let runs = [
        run(
            "a",
            vec![
                record(1, "train", "perplexity", 900.0).metric("learning_rate", 1.0),
                record(2, "train", "perplexity", 300.0).metric("learning_rate", 0.5),
                record(2, "valid", "perplexity", 60.0),
            ],
        ),
        run("b", vec![record(2, "valid", "perplexity", 70.0)]),
    ];
    let charts = charts(&runs, View::default());
    assert_eq!(charts.len(), 2);
    let (rate, perplexity) = (&charts[0], &charts[1]);
    assert_eq!((rate.name.as_str(), rate.title.as_str()), ("learning_rate", "Learning rate"));
    assert!(!rate.log_y && perplexity.log_y);
    assert_eq!(
        (rate.y_label.as_str(), perplexity.y_label.as_str()),
        ("Learning rate", "Perplexity (log scale)")
    );
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
        record(20, "train", "learning_rate", 0.5),
        record(30, "test", "perplexity", 5.0).metric("floor", 4.0),
    ];
    let charts = charts(&[run("a", records)], View::default());
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
    let bits = [record(1, "valid", "bits", 2.0), record(2, "valid", "bits", 3.0)];
    let mut nothing = vec![record(1, "train", "loss", f64::NAN)];
    nothing.extend(bits);
    let charts = charts(&[run("a", nothing)], View::default());
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
    let error = write(folder.path(), &charts(&[], View::default())).unwrap_err().to_string();
    assert!(error.contains("no metric has two different values"), "{error}");
    let chart = chart_of(vec![(0.0, f64::NAN)]);
    let error = chart.write_png(&folder.path().join("loss.png")).unwrap_err().to_string();
    assert_eq!(error, "the chart of \"loss\" has no finite point to draw");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn files_are_named_by_metric_and_stay_in_the_folder() {
    let folder = tempfile::tempdir().unwrap();
    let error = |step| record(step, "valid", "../top-5 error", 2.0 / step as f64);
    let records = vec![error(1), error(2)];
    let paths = write(&folder.path().join("plots"), &charts(&[run("a", records)], View::default()))
        .unwrap();
    let wanted = ["___top-5_error.png", "___top-5_error.svg"];
    assert_eq!(paths, wanted.map(|name| folder.path().join("plots").join(name)));
    assert!(paths.iter().all(|path| path.is_file()));
}

#[test]
fn a_single_point_and_a_constant_have_no_chart() {
    let of = |values: &[(u64, f64)]| {
        let records = values.iter().map(|&(step, value)| record(step, "train", "loss", value));
        charts(&[run("a", records.collect())], View::default()).len()
    };
    assert_eq!([of(&[(1, 2.0)]), of(&[(1, 2.0), (9, 2.0)]), of(&[(1, 2.0), (9, 1.0)])], [0, 0, 1]);
    assert_eq!(of(&[(1, 2.0), (1, 1.0)]), 0);
}

#[test]
fn means_of_two_epochs_are_not_joined() {
    let train = |step, epoch, value| Record { epoch, ..record(step, "train", "loss", value) };
    let mut records = vec![train(1, 1, 9.0), train(2, 1, 8.0), train(3, 2, 5.0), train(4, 2, 6.0)];
    let points = |records: &[Record]| {
        let charts = charts(&[run("a", records.to_vec())], View::default());
        let points = charts[0].curves[0].points.iter();
        points.map(|point| point.1.is_finite().then_some(point.1)).collect::<Vec<_>>()
    };
    let values = [9.0, 8.0, 5.0, 6.0].map(Some);
    assert_eq!(points(&records), values);
    // What a whole epoch has too is the mean since its begin.
    records.push(record(4, "epoch", "loss", 6.0));
    assert_eq!(points(&records), [values[0], values[1], None, values[2], values[3]]);
}

#[test]
fn the_view_decides_about_places_and_smoothing() {
    let train = |step: u64, value| {
        let record = Record { epoch: step.div_ceil(4), ..record(step, "train", "loss", value) };
        record.timing(ELAPSED, 30.0 * step as f64)
    };
    let runs = [run("a", vec![train(2, 4.0), train(4, 2.0), train(8, 2.0)])];
    let points =
        |x, smooth| charts(&runs, View { x, smooth, mean: false })[0].curves[0].points.clone();
    assert_eq!(points(X::Step, 0.0), [(2.0, 4.0), (4.0, 2.0), (8.0, 2.0)]);
    assert_eq!(points(X::Epoch, 0.0), [(0.5, 4.0), (1.0, 2.0), (2.0, 2.0)]);
    assert_eq!(points(X::Time, 0.0), [(1.0, 4.0), (2.0, 2.0), (4.0, 2.0)]);
    let smooth = points(X::Step, 0.5);
    assert_eq!(smooth[0], (2.0, 4.0));
    assert!((smooth[1].1 - 8.0 / 3.0).abs() < 1e-12 && smooth[2].1 < smooth[1].1);
}
