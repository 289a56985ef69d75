//! A chart on any backend: axes, grid, curves, and the legend to their right.

use anyhow::{Context, Result};
use plotters::coord::Shift;
use plotters::drawing::DrawingArea;
use plotters::element::{
    Circle, DashedPathElement, EmptyElement, PathElement, Polygon, Rectangle, TriangleMarker,
};
use plotters::prelude::{ChartBuilder, DrawingBackend, RGBColor, WHITE};
use plotters::style::Color;

use super::axis::Axis;
use super::legend::Legend;
use super::style::{GRID, INK, Line, Marker, SCALE, colour, text_style};
use super::{Chart, Curve, X};

/// Pixels of a drawing, from its upper left corner.
type Pixel = (i32, i32);

const MARGIN: i32 = 20 * SCALE;
const TITLE: i32 = 40 * SCALE;
/// What the vertical axis shows.
const DESCRIPTION: i32 = 26 * SCALE;
/// Points of a curve are marked if there are fewer than this.
const MAX_MARKERS: usize = 60;

/// Draws `chart` over the whole of `area`.
pub(super) fn draw<DB: DrawingBackend>(area: &DrawingArea<DB, Shift>, chart: &Chart) -> Result<()>
where
    DB::ErrorType: 'static,
{
    let drawable = || chart.curves.iter().flat_map(|c| &c.points).filter(|p| chart.holds(**p));
    let no_point = || format!("the chart of {:?} has no finite point to draw", chart.name);
    let x = drawable().map(|point| point.0);
    let x = match chart.x {
        X::Step => Axis::counts(x, 9),
        X::Epoch | X::Time => Axis::around(x, false, 9),
    };
    let x = x.with_context(no_point)?;
    let bands = chart.curves.iter().flat_map(|curve| &curve.band);
    let ends = bands.flat_map(|&(low, high)| [low, high]).filter(|&y| chart.holds((0.0, y)));
    let y = drawable().map(|point| point.1).chain(ends);
    let y = Axis::around(y, chart.log_y, 9).with_context(no_point)?;

    area.fill(&WHITE)?;
    let (width, height) = (area.dim_in_pixel().0 as i32, area.dim_in_pixel().1 as i32);
    let legend = Legend::of(area, chart, height - TITLE - 2 * MARGIN)?;
    let (left, _) = area.split_horizontally(width - legend.width() - MARGIN);
    let small = text_style(15)?;
    let mut labels_width = 0;
    for label in y.labels() {
        labels_width = labels_width.max(area.estimate_text_size(&label, &small)?.0 as i32);
    }

    let labels_width = labels_width + DESCRIPTION + 14 * SCALE;
    area.draw_text(&chart.title, &text_style(24)?, (MARGIN + labels_width, MARGIN / 2))?;
    let mut mesh = ChartBuilder::on(&left)
        .margin(MARGIN)
        .margin_top(MARGIN + TITLE)
        .x_label_area_size(50 * SCALE)
        .y_label_area_size(labels_width)
        .build_cartesian_2d(x, y)?;
    mesh.configure_mesh()
        .x_desc(chart.x.label())
        .y_desc(&chart.y_label)
        .label_style(small.clone())
        .axis_desc_style(small)
        .bold_line_style(GRID.stroke_width(SCALE as u32))
        .axis_style(INK.stroke_width(SCALE as u32))
        .set_all_tick_mark_size(5 * SCALE)
        .draw()?;
    let plotting = mesh.plotting_area();
    let place = |point: &(f64, f64)| chart.holds(*point).then(|| plotting.map_coordinate(point));
    for curve in &chart.curves {
        draw_band(area, chart, curve, place)?;
    }
    for line in [Line::Light, Line::Dotted, Line::Dashed, Line::Solid, Line::None] {
        for curve in chart.curves.iter().filter(|curve| chart.line_of(&curve.phase) == line) {
            draw_curve(area, chart, curve, place)?;
        }
    }
    legend.draw(area, (width - legend.width(), TITLE + MARGIN))?;
    area.present()?;
    Ok(())
}

/// Fills what is between the lowest and the highest values of the runs behind a mean.
fn draw_band<DB: DrawingBackend>(
    area: &DrawingArea<DB, Shift>,
    chart: &Chart,
    curve: &Curve,
    place: impl Fn(&(f64, f64)) -> Option<Pixel>,
) -> Result<()>
where
    DB::ErrorType: 'static,
{
    let ends = |(&(x, _), &(low, high)): (&(f64, f64), &(f64, f64))| {
        Some([place(&(x, low))?, place(&(x, high))?])
    };
    let ends: Vec<Option<[Pixel; 2]>> = curve.points.iter().zip(&curve.band).map(ends).collect();
    let light = colour(run_number(chart, curve)).mix(0.25);
    for piece in ends.split(Option::is_none) {
        let piece: Vec<[Pixel; 2]> = piece.iter().copied().flatten().collect();
        if let [only] = piece[..] {
            area.draw(&PathElement::new(only, light.stroke_width(6 * SCALE as u32)))?;
            continue;
        }
        let lows = thin(&piece.iter().map(|ends| ends[0]).collect::<Vec<_>>());
        let highs = thin(&piece.iter().map(|ends| ends[1]).collect::<Vec<_>>());
        let around: Vec<Pixel> = lows.into_iter().chain(highs.into_iter().rev()).collect();
        if around.len() > 2 {
            area.draw(&Polygon::new(around, light))?;
        }
    }
    Ok(())
}

/// The number of a curve's run, which its colour and marker follow.
fn run_number(chart: &Chart, curve: &Curve) -> usize {
    chart.runs().iter().position(|run| *run == curve.run).unwrap_or(0)
}

fn draw_curve<DB: DrawingBackend>(
    area: &DrawingArea<DB, Shift>,
    chart: &Chart,
    curve: &Curve,
    place: impl Fn(&(f64, f64)) -> Option<Pixel>,
) -> Result<()>
where
    DB::ErrorType: 'static,
{
    let run = run_number(chart, curve);
    let (line, colour, shape) = (chart.line_of(&curve.phase), colour(run), Marker::of_run(run));
    let pixels: Vec<Option<Pixel>> = curve.points.iter().map(place).collect();
    let few = !matches!(line, Line::Light | Line::Dotted) && pixels.len() <= MAX_MARKERS;
    for piece in pixels.split(Option::is_none) {
        let piece: Vec<Pixel> = piece.iter().copied().flatten().collect();
        path(area, &thin(&piece), line, colour)?;
        // A point that has no neighbour makes no line and would be lost.
        if few || line == Line::None || piece.len() == 1 {
            piece.iter().try_for_each(|&pixel| marker(area, pixel, shape, line, colour))?;
        }
    }
    Ok(())
}

/// Draws a line through `pixels`.
pub(super) fn path<DB: DrawingBackend>(
    area: &DrawingArea<DB, Shift>,
    pixels: &[Pixel],
    line: Line,
    colour: RGBColor,
) -> Result<()>
where
    DB::ErrorType: 'static,
{
    if pixels.len() < 2 {
        return Ok(());
    }
    let stroke = line.stroke(colour);
    match line {
        Line::None => {}
        Line::Solid | Line::Light => area.draw(&PathElement::new(pixels, stroke))?,
        Line::Dashed | Line::Dotted => {
            let pixels = pixels.iter().copied();
            let dash = if line == Line::Dotted { 2 * SCALE } else { 7 * SCALE };
            area.draw(&DashedPathElement::new(pixels, dash, 4 * SCALE, stroke))?;
        }
    }
    Ok(())
}

/// Draws a run's marker around `pixel`: hollow if the line is dashed, and larger if there is no
/// line.
pub(super) fn marker<DB: DrawingBackend>(
    area: &DrawingArea<DB, Shift>,
    pixel: Pixel,
    shape: Marker,
    line: Line,
    colour: RGBColor,
) -> Result<()>
where
    DB::ErrorType: 'static,
{
    let (radius, hole) = match line {
        Line::None => (7, 4),
        Line::Dashed => (5, 3),
        Line::Solid | Line::Light | Line::Dotted => (4, 0),
    };
    shape_around(area, pixel, shape, radius * SCALE, line.shade(colour))?;
    if hole > 0 {
        shape_around(area, pixel, shape, hole * SCALE, WHITE)?;
    }
    Ok(())
}

fn shape_around<DB: DrawingBackend>(
    area: &DrawingArea<DB, Shift>,
    pixel: Pixel,
    shape: Marker,
    radius: i32,
    colour: RGBColor,
) -> Result<()>
where
    DB::ErrorType: 'static,
{
    let filled = colour.filled();
    match shape {
        Marker::Circle => area.draw(&Circle::new(pixel, radius, filled))?,
        Marker::Triangle => area.draw(&TriangleMarker::new(pixel, radius * 3 / 2, filled))?,
        Marker::Square => {
            let half = radius * 7 / 8;
            let square = Rectangle::new([(-half, -half), (half, half)], filled);
            area.draw(&(EmptyElement::at(pixel) + square))?;
        }
    }
    Ok(())
}

/// Of the points in one column of the picture's pixels, the first, the lowest, the highest and the
/// last draw the same line as all of them.
fn thin(pixels: &[Pixel]) -> Vec<Pixel> {
    let mut kept = Vec::new();
    for column in pixels.chunk_by(|one, next| one.0 / SCALE == next.0 / SCALE) {
        let last = column.len() - 1;
        let mut indices = [
            0,
            (0..=last).min_by_key(|&index| column[index].1).unwrap_or(0),
            (0..=last).max_by_key(|&index| column[index].1).unwrap_or(0),
            last,
        ];
        indices.sort_unstable();
        kept.extend(indices.map(|index| column[index]));
    }
    kept.dedup();
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thinning_keeps_the_outline_in_order() {
        let column = [(0, 5), (0, 6), (0, 9), (0, 7), (0, 1), (0, 3), (0, 4)];
        assert_eq!(thin(&column), [(0, 5), (0, 9), (0, 1), (0, 4)]);
        let sparse = [(0, 1), (SCALE, 1), (2 * SCALE, 5)];
        assert_eq!(thin(&sparse), sparse);
        assert_eq!(thin(&[]), []);
        let many: Vec<Pixel> = (0..100_000).map(|i| (i / 1_000, i * 7_919 % 500)).collect();
        assert!(thin(&many).len() <= 400);
    }
}
