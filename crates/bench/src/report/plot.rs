//! Plots as SVG, small enough to read as text: bars for figures side by side, lines for a figure that changes.

use std::fmt::Write as _;

/// Colours that stay apart for colour-blind readers (after Okabe and Ito).
const COLOURS: [&str; 8] = ["#0072b2", "#e69f00", "#009e73", "#cc79a7", "#d55e00", "#56b4e9", "#999999", "#000000"];

const WIDTH: f64 = 760.0;
const TITLE_HEIGHT: f64 = 34.0;
const LEGEND_HEIGHT: f64 = 22.0;

/// Horizontal bars: a group for each row, a bar in it for each series.
#[derive(Clone, Debug)]
pub struct Bars {
    /// What the plot shows, with the unit.
    pub title: String,
    /// The names of the bars of each group.
    pub series: Vec<String>,
    /// The groups: a label, and a value for each series, if there is one.
    pub groups: Vec<(String, Vec<Option<f64>>)>,
}

/// Points joined by lines, a line for each series; both axes are logarithmic.
#[derive(Clone, Debug)]
pub struct Lines {
    /// What the plot shows.
    pub title: String,
    /// What the horizontal axis counts.
    pub across: String,
    /// What the vertical axis counts.
    pub up: String,
    /// The lines: a name, and points from left to right. Values must be above zero.
    pub series: Vec<(String, Vec<(f64, f64)>)>,
}

impl Bars {
    /// The plot as an SVG document.
    #[must_use]
    pub fn svg(&self) -> String {
        const LEFT: f64 = 170.0;
        const RIGHT: f64 = 60.0;
        const BAR: f64 = 13.0;
        const GAP: f64 = 10.0;
        let most = self.groups.iter().flat_map(|(_, values)| values.iter().flatten()).copied().fold(0.0, f64::max);
        let group_height = BAR * self.series.len() as f64 + GAP;
        let top = TITLE_HEIGHT + LEGEND_HEIGHT;
        let mut out = open(&self.title, top + group_height * self.groups.len() as f64 + GAP);
        legend(&mut out, self.series.iter().map(String::as_str));
        for (row, (label, values)) in self.groups.iter().enumerate() {
            let y = top + GAP / 2.0 + group_height * row as f64;
            text(&mut out, LEFT - 8.0, y + (group_height - GAP) / 2.0 + 4.0, "end", label);
            for (place, value) in values.iter().enumerate() {
                let Some(value) = value else { continue };
                let y = y + BAR * place as f64;
                let width = if most > 0.0 { (WIDTH - LEFT - RIGHT) * value / most } else { 0.0 };
                let colour = COLOURS[place % COLOURS.len()];
                let height = BAR - 2.0;
                let _ = writeln!(
                    out,
                    r#"<rect x="{LEFT}" y="{y:.1}" width="{width:.1}" height="{height}" fill="{colour}"/>"#
                );
                text(&mut out, LEFT + width + 4.0, y + BAR - 3.0, "start", &short(*value));
            }
        }
        out + "</svg>\n"
    }
}

impl Lines {
    /// The plot as an SVG document.
    #[must_use]
    pub fn svg(&self) -> String {
        const LEFT: f64 = 70.0;
        const RIGHT: f64 = 24.0;
        const HEIGHT: f64 = 300.0;
        let points = || self.series.iter().flat_map(|(_, points)| points.iter());
        let across = Axis::over(points().map(|point| point.0));
        let up = Axis::over(points().map(|point| point.1));
        let top = TITLE_HEIGHT + LEGEND_HEIGHT + 14.0;
        let x = |value| LEFT + (WIDTH - LEFT - RIGHT) * across.place(value);
        let y = |value| top + HEIGHT * (1.0 - up.place(value));
        let mut out = open(&self.title, top + HEIGHT + 50.0);
        legend(&mut out, self.series.iter().map(|(name, _)| name.as_str()));
        let right = WIDTH - RIGHT;
        for mark in up.marks() {
            let y = y(mark);
            let _ = writeln!(out, r##"<line x1="{LEFT}" y1="{y:.1}" x2="{right}" y2="{y:.1}" stroke="#e0e0e0"/>"##);
            text(&mut out, LEFT - 6.0, y + 4.0, "end", &short(mark));
        }
        for mark in across.marks() {
            text(&mut out, x(mark), top + HEIGHT + 18.0, "middle", &short(mark));
        }
        text(&mut out, LEFT - 6.0, top - 8.0, "start", &self.up);
        text(&mut out, f64::midpoint(LEFT, right), top + HEIGHT + 38.0, "middle", &self.across);
        for (number, (_, points)) in self.series.iter().enumerate() {
            let colour = COLOURS[number % COLOURS.len()];
            let path: Vec<String> = points.iter().map(|&(a, b)| format!("{:.1},{:.1}", x(a), y(b))).collect();
            let path = path.join(" ");
            let _ = writeln!(out, r#"<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>"#);
            for &(a, b) in points {
                let _ = writeln!(out, r#"<circle cx="{:.1}" cy="{:.1}" r="3" fill="{colour}"/>"#, x(a), y(b));
            }
        }
        out + "</svg>\n"
    }
}

/// A logarithmic axis from one power of ten (or its half) to another.
struct Axis {
    low: f64,
    high: f64,
}

impl Axis {
    fn over(values: impl Iterator<Item = f64>) -> Self {
        let (least, most) = values.fold((f64::MAX, f64::MIN_POSITIVE), |(a, b), value| (a.min(value), b.max(value)));
        let mut axis = Self { low: least.min(most).log10().floor(), high: most.log10().ceil() };
        if axis.high <= axis.low {
            axis.high = axis.low + 1.0;
        }
        axis
    }

    fn place(&self, value: f64) -> f64 {
        (value.log10() - self.low) / (self.high - self.low)
    }

    /// 1, 2 and 5 of each power of ten on a short axis, the powers alone on a long one.
    fn marks(&self) -> Vec<f64> {
        let steps: &[f64] = if self.high - self.low > 2.5 { &[1.0] } else { &[1.0, 2.0, 5.0] };
        let powers = self.low as i32..=self.high as i32;
        let marks = powers.flat_map(|power| steps.iter().map(move |step| step * 10.0_f64.powi(power)));
        marks.filter(|mark| self.place(*mark) < 1.001).collect()
    }
}

fn open(title: &str, height: f64) -> String {
    let title = escaped(title);
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height:.0}\" font-family=\"sans-serif\" \
         font-size=\"11\">\n<rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n\
         <text x=\"16\" y=\"22\" font-size=\"14\" font-weight=\"bold\">{title}</text>\n"
    )
}

fn legend<'a>(out: &mut String, names: impl Iterator<Item = &'a str>) {
    let mut x = 16.0;
    for (number, name) in names.enumerate() {
        let colour = COLOURS[number % COLOURS.len()];
        let y = TITLE_HEIGHT + 2.0;
        let _ = writeln!(out, r#"<rect x="{x:.0}" y="{y}" width="10" height="10" fill="{colour}"/>"#);
        text(out, x + 14.0, y + 9.0, "start", name);
        x += 34.0 + 6.2 * name.chars().count() as f64;
    }
}

fn text(out: &mut String, x: f64, y: f64, anchor: &str, text: &str) {
    let text = escaped(text);
    let _ = writeln!(out, r##"<text x="{x:.1}" y="{y:.1}" text-anchor="{anchor}" fill="#222222">{text}</text>"##);
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// Three digits that mean something, without a trailing fraction of nothing.
fn short(value: f64) -> String {
    match value {
        1_000_000.0.. => format!("{} M", short(value / 1e6)),
        10_000.0.. => format!("{} k", short(value / 1e3)),
        100.0.. => format!("{value:.0}"),
        _ => {
            let text = if value >= 10.0 { format!("{value:.1}") } else { format!("{value:.2}") };
            text.trim_end_matches('0').trim_end_matches('.').to_owned()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_short() {
        let shown = [0.4, 1.0, 1.05, 12.34, 123.4, 9_999.0, 12_345.0, 2_500_000.0].map(short);
        assert_eq!(shown, ["0.4", "1", "1.05", "12.3", "123", "9999", "12.3 k", "2.5 M"]);
    }

    #[test]
    fn a_bar_for_each_value_that_is_there() {
        let bars = Bars {
            title: "CPU < time".into(),
            series: vec!["window 1".into(), "window 4".into()],
            groups: vec![("floor".into(), vec![Some(1.0), Some(2.0)]), ("ws".into(), vec![None, Some(4.0)])],
        };
        let svg = bars.svg();
        // One for the background, one for each series in the legend, one for each value.
        assert_eq!(svg.matches("<rect").count(), 1 + 2 + 3);
        assert!(svg.contains("CPU &lt; time"));
        assert!(svg.contains(r#"width="530.0""#), "the greatest value has the whole width: {svg}");
    }

    #[test]
    fn lines_stay_inside_their_axes() {
        let lines = Lines {
            title: "latency".into(),
            across: "messages a second".into(),
            up: "ms".into(),
            series: vec![("one".into(), vec![(10.0, 0.5), (100.0, 5.0)]), ("two".into(), vec![(50.0, 1.0)])],
        };
        let svg = lines.svg();
        assert_eq!(svg.matches("<circle").count(), 3);
        assert!(svg.contains(r#"cx="70.0""#) && svg.contains(r#"cx="736.0""#), "{svg}");
    }
}
