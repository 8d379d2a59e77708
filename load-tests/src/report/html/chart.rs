//! Line charts as inline SVG.

use std::fmt::Write;

use super::{escaped, scale::Scale, thousands};

/// A chart of lines over one axis.
pub(super) struct Chart {
    pub(super) title: &'static str,
    pub(super) series: Vec<Series>,
    /// Whether its values are on a log axis.
    pub(super) is_log: bool,
    pub(super) ticks: Ticks,
}

/// A line.
pub(super) struct Series {
    pub(super) name: &'static str,
    /// Its colour's class.
    pub(super) class: &'static str,
    pub(super) points: Vec<(f64, f64)>,
}

/// What is written along the bottom.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ticks {
    /// Seconds.
    Seconds,
    /// Shares: 0, 90 %, 99 %, and so on.
    Nines,
}

impl Chart {
    /// The chart with its caption and key.
    pub(super) fn figure(&self) -> String {
        let drawn: Vec<&Series> = self.series.iter().filter(|series| series.is_worth_drawing()).collect();
        let mut out = format!("<figure><figcaption><b>{}</b>", escaped(self.title));
        for series in &drawn {
            // A String takes all that is written to it.
            let _ = write!(out, "<span class=\"key {}\">{}</span>", series.class, series.name);
        }
        out += "</figcaption>\n";
        let (x, y) = self.scales(&drawn);
        let _ = writeln!(
            out,
            "<svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-label=\"{}\">",
            escaped(self.title)
        );
        y.ticks().iter().for_each(|&tick| out += &grid_line(&y, tick));
        self.bottom(&x).iter().for_each(|(place, text)| out += &bottom_text(*place, text));
        drawn.iter().for_each(|series| out += &series.path(&x, &y));
        out + "</svg></figure>\n"
    }

    fn scales(&self, drawn: &[&Series]) -> (Scale, Scale) {
        let values = drawn.iter().flat_map(|series| series.points.iter().map(|&(_, value)| value));
        let most = values.clone().fold(0.0, f64::max);
        let y = if self.is_log { Scale::log(values) } else { Scale::linear(most) };
        let places = drawn.iter().flat_map(|series| series.points.iter().map(|&(at, _)| at));
        (Scale::exact(0.0, places.fold(1.0, f64::max)), y)
    }

    /// Places along the bottom, 0 to 1, and what is written there.
    fn bottom(&self, x: &Scale) -> Vec<(f64, String)> {
        match self.ticks {
            Ticks::Seconds => x.ticks().iter().map(|&tick| (x.place(tick), format!("{tick} s"))).collect(),
            Ticks::Nines => {
                let shares = ["0 %", "90 %", "99 %", "99.9 %", "99.99 %"];
                let places = (0..5_u8).map(|nine| x.place(f64::from(nine)));
                places.zip(shares).map(|(place, text)| (place, text.to_owned())).collect()
            }
        }
    }
}

impl Series {
    /// A line that is 0 all along only takes room.
    fn is_worth_drawing(&self) -> bool {
        self.points.iter().any(|&(_, value)| value > 0.0)
    }

    fn path(&self, x: &Scale, y: &Scale) -> String {
        let mut path = String::new();
        for &(at, value) in &self.points {
            let pen = if path.is_empty() { 'M' } else { 'L' };
            let _ = write!(path, "{pen}{:.1} {:.1}", across(x.place(at)), down(y.place(value)));
        }
        format!("<path class=\"plot {}\" d=\"{path}\"/>\n", self.class)
    }
}

fn grid_line(y: &Scale, tick: f64) -> String {
    let at = down(y.place(tick));
    let text = thousands((tick * 1e6).round() / 1e6);
    format!(
        "<line class=\"grid\" x1=\"{LEFT}\" x2=\"{}\" y1=\"{at:.1}\" y2=\"{at:.1}\"/>\
         <text x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{text}</text>\n",
        WIDTH - RIGHT,
        LEFT - 6.0,
        at + 4.0
    )
}

fn bottom_text(place: f64, text: &str) -> String {
    let anchor = if place > 0.95 { "end" } else { "middle" };
    format!(
        "<text x=\"{:.1}\" y=\"{}\" text-anchor=\"{anchor}\">{text}</text>\n",
        across(place),
        HEIGHT - 6.0
    )
}

fn across(place: f64) -> f64 {
    LEFT + place * (WIDTH - LEFT - RIGHT)
}

fn down(place: f64) -> f64 {
    TOP + (1.0 - place) * (HEIGHT - TOP - BOTTOM)
}

// In units of the drawing, which is as wide as a column: so a text of 12 is about as large as the page's.
const WIDTH: f64 = 480.0;
const HEIGHT: f64 = 230.0;
const LEFT: f64 = 58.0;
const RIGHT: f64 = 10.0;
const TOP: f64 = 8.0;
const BOTTOM: f64 = 26.0;

#[cfg(test)]
mod tests {
    use super::*;

    fn chart(points: &[(f64, f64)], is_log: bool) -> String {
        let series = vec![
            Series { name: "drawn", class: "a", points: points.to_vec() },
            Series { name: "nothing", class: "b", points: vec![(0.0, 0.0)] },
        ];
        Chart { title: "T", series, is_log, ticks: Ticks::Seconds }.figure()
    }

    #[test]
    fn lines_lie_where_their_values_are() {
        let linear = chart(&[(0.0, 0.0), (10.0, 100.0)], false);
        assert!(linear.contains("d=\"M58.0 204.0L470.0 8.0\""), "{linear}");
        assert!(!linear.contains("nothing"), "{linear}");
        let log = chart(&[(0.0, 1.0), (10.0, 100.0)], true);
        assert!(log.contains("d=\"M58.0 204.0L470.0 8.0\""), "{log}");
    }

    #[test]
    fn without_a_point_there_is_still_a_page() {
        assert!(chart(&[], true).ends_with("</svg></figure>\n"));
    }
}
