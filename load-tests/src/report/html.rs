//! The report as a page that needs nothing else: no script, no font, no network. Readable on a phone and in the dark.

use std::fmt::Write;

use super::{Percentiles, Report, float};

mod chart;
mod charts;
mod scale;

/// The whole page.
pub(super) fn page(report: &Report) -> String {
    let name = escaped(&report.name);
    let body = [head(report), cards(report), charts::charts(report), tables(report)].concat();
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>Load report: {name}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n<main>\n{body}</main>\n\
         </body>\n</html>\n"
    )
}

fn head(report: &Report) -> String {
    let (class, verdict) = match (&report.invalid_reason, report.is_within_limits()) {
        (Some(reason), _) => ("bad", format!("Invalid: {}", escaped(reason))),
        (None, false) => ("bad", "A limit was missed".to_owned()),
        (None, true) if report.limits.is_empty() => ("plain", "No limits were set".to_owned()),
        (None, true) => ("good", "Every limit was kept".to_owned()),
    };
    format!(
        "<header><h1>{}</h1><p class=\"verdict {class}\">{verdict}</p>\
         <p class=\"about\">{} · {} connections · {} sessions · seed {} · {} s · run <code>{}</code></p></header>\n",
        escaped(&report.name),
        report.edges.join(", "),
        thousands(float(u64::from(report.connections))),
        thousands(float(report.sessions)),
        report.seed,
        report.duration_s,
        escaped(&report.run),
    )
}

/// The figures that are looked for first.
fn cards(report: &Report) -> String {
    let mut cards = vec![
        (
            "answered per second",
            thousands(report.acked_per_s.round()),
            format!("of {} offered", thousands(report.offered_per_s.round())),
        ),
        ("ack p50", ms(report.ack_ms.p50), "from the intended send time".to_owned()),
        ("ack p99", ms(report.ack_ms.p99), format!("longest {}", ms(report.ack_ms.max))),
        (
            "not acked",
            thousands(float(not_acked(report))),
            format!("{} still open", thousands(float(report.unacked))),
        ),
    ];
    if let Some(server) = &report.server {
        if let Some(us) = server.cpu_us_per_event {
            let all = server.cpu_s.map_or(String::new(), |cpu_s| format!("{cpu_s} s in all"));
            cards.push(("server CPU per event", format!("{us} µs"), all));
        }
        let most = format!("{} MB", thousands((float(server.rss_bytes_max) / 1e6).round()));
        cards.push((
            "server memory at most",
            most,
            format!("{:.0} MB before", float(server.rss_bytes_start) / 1e6),
        ));
    }
    cards.push((
        "generator's own lag p99",
        ms(report.lag_ms.p99),
        format!("longest {}", ms(report.lag_ms.max)),
    ));
    let mut out = "<section class=\"cards\">\n".to_owned();
    for (name, value, note) in cards {
        // A String takes all that is written to it.
        let _ =
            writeln!(out, "<div class=\"card\"><b>{value}</b><span>{name}</span><small>{note}</small></div>");
    }
    out + "</section>\n"
}

fn not_acked(report: &Report) -> u64 {
    report.unacked + report.rejected + report.busy + report.failed
}

fn tables(report: &Report) -> String {
    let mut out = "<section class=\"tables\">\n".to_owned();
    out += &latencies(report);
    if !report.limits.is_empty() {
        out += &limits(report);
    }
    let endings = [
        ("acked", report.acked),
        ("of them duplicates", report.duplicate),
        ("accepted, no promise", report.accepted),
        ("refused for good", report.rejected),
        ("left busy", report.busy),
        ("failed or never sent", report.failed),
        ("open", report.unacked),
    ];
    out += &bars("What the client saw", endings);
    let refusals = report.refusals.iter().map(|(why, &events)| (why.as_str(), events));
    out += &bars("Refusals by reason", refusals);
    if let Some(server) = &report.server {
        out += &bars(
            "What the server counted",
            server.endings.iter().map(|(end, &events)| (end.as_str(), events)),
        );
    }
    out + "</section>\n"
}

fn latencies(report: &Report) -> String {
    let latencies = [
        ("ack", report.ack_ms),
        ("busy answer", report.busy_ms),
        ("read", report.read_ms),
        ("generator's own lag", report.lag_ms),
    ];
    let mut out = "<div class=\"wide\"><h2>Latencies, ms</h2><div class=\"scroll\"><table><tr><th></th><th>p50</th><th>p90</th>\
            <th>p99</th><th>p99.9</th><th>max</th><th>count</th></tr>\n"
        .to_owned();
    for (name, Percentiles { p50, p90, p99, p999, max, count }) in latencies {
        if count > 0 {
            let _ = writeln!(
                out,
                "<tr><th>{name}</th><td>{p50:.2}</td><td>{p90:.2}</td><td>{p99:.2}</td><td>{p999:.2}</td>\
                 <td>{max:.2}</td><td>{}</td></tr>",
                thousands(float(count))
            );
        }
    }
    out + "</table></div></div>\n"
}

fn limits(report: &Report) -> String {
    let mut out =
        "<div><h2>Limits</h2><table><tr><th></th><th>limit</th><th>measured</th><th></th></tr>\n".to_owned();
    for limit in &report.limits {
        let measured = limit.measured.map_or("not measured".to_owned(), thousands);
        let (class, word) = if limit.ok { ("good", "kept") } else { ("bad", "missed") };
        let _ = writeln!(
            out,
            "<tr><th>{}</th><td>{}</td><td>{measured}</td><td class=\"{class}\">{word}</td></tr>",
            limit.name,
            thousands(limit.limit)
        );
    }
    out + "</table></div>\n"
}

/// Counts as a table with bars; nothing when all are 0.
fn bars<'a>(title: &str, counts: impl IntoIterator<Item = (&'a str, u64)>) -> String {
    let counts: Vec<(&str, u64)> = counts.into_iter().filter(|&(_, count)| count > 0).collect();
    let Some(most) = counts.iter().map(|&(_, count)| count).max() else { return String::new() };
    let mut out = format!("<div><h2>{title}</h2><table>\n");
    for (name, count) in counts {
        let share = float(count) / float(most) * 100.0;
        let _ = writeln!(
            out,
            "<tr><th>{}</th><td>{}</td><td class=\"bar\"><i style=\"width:{share:.1}%\"></i></td></tr>",
            escaped(name),
            thousands(float(count))
        );
    }
    out + "</table></div>\n"
}

fn ms(ms: f64) -> String {
    match ms {
        ms if ms >= 100.0 => format!("{} ms", thousands(ms.round())),
        ms => format!("{ms:.2} ms"),
    }
}

/// A number with its thousands set apart.
fn thousands(number: f64) -> String {
    let text = format!("{number}");
    let (whole, rest) = text
        .split_once('.')
        .map_or((text.as_str(), String::new()), |(whole, part)| (whole, format!(".{part}")));
    let mut out = String::new();
    for (at, digit) in whole.chars().enumerate() {
        if at > 0 && (whole.len() - at).is_multiple_of(3) && !out.ends_with('-') {
            out.push('\u{202f}');
        }
        out.push(digit);
    }
    out + &rest
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

const STYLE: &str = include_str!("html/style.css");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_set_apart_by_thousands() {
        assert_eq!(thousands(1_234_567.5), "1\u{202f}234\u{202f}567.5");
        assert_eq!([thousands(0.25), thousands(999.0)], ["0.25", "999"]);
    }

    #[test]
    fn a_name_cannot_break_out_of_the_page() {
        assert_eq!(escaped("<b a=\"1\">&"), "&lt;b a=&quot;1&quot;&gt;&amp;");
    }
}
