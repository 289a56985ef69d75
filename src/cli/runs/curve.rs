//! A curve in letters.

use crate::analysis::table::number;

/// Rows of a curve, and the columns that it takes at most.
const ROWS: usize = 10;
const MAX_COLUMNS: usize = 64;

/// Draws points (x ascending, all finite) with the ends of both axes; nothing of fewer than two.
pub(super) fn draw(title: &str, points: &[(f64, f64)]) -> String {
    let [(first, _), .., (last, _)] = points else { return String::new() };
    let values = || points.iter().map(|point| point.1);
    let (low, high) =
        (values().fold(f64::INFINITY, f64::min), values().fold(f64::NEG_INFINITY, f64::max));
    let columns = points.len().min(MAX_COLUMNS);
    let place = |value: f64, low: f64, high: f64, count: usize| match high > low {
        true => {
            (((value - low) / (high - low) * (count - 1) as f64).round() as usize).min(count - 1)
        }
        false => 0,
    };
    let mut picture = vec![vec![' '; columns]; ROWS];
    for &(x, y) in points {
        picture[ROWS - 1 - place(y, low, high, ROWS)][place(x, *first, *last, columns)] = '•';
    }
    let labels = [number(high), number(low)];
    let width = labels.iter().map(String::len).max().unwrap_or(0);
    let mut text = format!("{title}\n");
    for (row, line) in picture.iter().enumerate() {
        let label = match row {
            0 => &labels[0],
            row if row == ROWS - 1 => &labels[1],
            _ => "",
        };
        let line: String = line.iter().collect();
        text += format!("{label:>width$} │{line}").trim_end();
        text += "\n";
    }
    let ends = [number(*first), number(*last)];
    let gap = columns.saturating_sub(ends[0].len() + ends[1].len()).max(1);
    text + &format!(
        "{:width$} └{}\n{:width$}  {}{}{}\n",
        "",
        "─".repeat(columns),
        "",
        ends[0],
        " ".repeat(gap),
        ends[1]
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_falling_curve_falls() {
        let points: Vec<_> = (0..20).map(|x| (f64::from(x), 100.0 - f64::from(x))).collect();
        let text = draw("loss", &points);
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(lines.len(), ROWS + 3);
        assert_eq!(lines[0], "loss");
        assert!(lines[1].starts_with("100 │•") && lines[ROWS].starts_with(" 81 │"), "{text}");
        assert!(lines[ROWS].ends_with('•') && lines[ROWS + 2].ends_with("19"), "{text}");
        assert_eq!(text.matches('•').count(), 20);
    }

    #[test]
    fn what_is_no_curve_is_not_drawn() {
        assert_eq!(draw("loss", &[(1.0, 2.0)]), "");
        assert_eq!(draw("flat", &[(1.0, 2.0), (2.0, 2.0)]).matches('•').count(), 2);
    }
}
