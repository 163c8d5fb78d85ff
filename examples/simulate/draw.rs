//! The curves: how many of ten thousand commands, all sent in one moment, had arrived after how
//! long, by fault and profile.

use std::fmt::Write;

use testkit::simulation::figures::Figures;
use testkit::simulation::scenarios::{self, Profile};
use testkit::simulation::server::Condition;

const WIDTH: f64 = 720.0;
const HEIGHT: f64 = 360.0;
const LEFT: f64 = 60.0;
const TOP: f64 = 30.0;
/// The time axis, in powers of ten of milliseconds.
const DECADES: (f64, f64) = (-1.0, 6.0);

const CURVES: [(Condition, &str, &str); 4] = [
    (Condition::Down, "refused", "#1b7837"),
    (Condition::Blackhole, "packets vanish", "#762a83"),
    (Condition::Frozen, "frozen", "#b35806"),
    (
        Condition::AppliesAndCloses,
        "closes without a reply",
        "#2166ac",
    ),
];

/// A picture in SVG: profile fast in full lines, profile ecflow in broken ones.
pub fn failover_times() -> String {
    let mut svg = format!(
        "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {} {}' font-family='sans-serif' font-size='12'>\n\
         <rect width='100%' height='100%' fill='white'/>\n\
         <text x='{LEFT}' y='18'>Ten thousand commands in one moment, confirmed after a time, by what the primary does; full: fast, broken: ecflow</text>\n",
        LEFT + WIDTH + 180.0,
        TOP + HEIGHT + 50.0
    );
    let (first, last) = DECADES;
    let mut decade = first;
    while decade <= last {
        let x = x_of(decade);
        let label = match decade {
            d if d < 3.0 => format!("{} ms", 10f64.powf(d)),
            d => format!("{} s", 10f64.powf(d - 3.0)),
        };
        writeln!(
            svg,
            "<line x1='{x}' y1='{TOP}' x2='{x}' y2='{}' stroke='#ddd'/><text x='{x}' y='{}' text-anchor='middle'>{label}</text>",
            TOP + HEIGHT,
            TOP + HEIGHT + 18.0
        )
        .ok();
        decade += 1.0;
    }
    for percent in [0, 25, 50, 75, 100] {
        let y = TOP + HEIGHT * (1.0 - f64::from(percent) / 100.0);
        writeln!(
            svg,
            "<line x1='{LEFT}' y1='{y}' x2='{}' y2='{y}' stroke='#ddd'/><text x='{}' y='{}' text-anchor='end'>{percent} %</text>",
            LEFT + WIDTH,
            LEFT - 6.0,
            y + 4.0
        )
        .ok();
    }
    for (row, (condition, name, colour)) in CURVES.into_iter().enumerate() {
        for profile in Profile::BOTH {
            let dashes = match profile {
                Profile::Fast => "",
                Profile::Ecflow => " stroke-dasharray='6 4'",
            };
            writeln!(
                svg,
                "<polyline fill='none' stroke='{colour}' stroke-width='2'{dashes} points='{}'/>",
                points(profile, condition)
            )
            .ok();
        }
        let y = TOP + 20.0 * (row as f64 + 1.0);
        writeln!(
            svg,
            "<text x='{}' y='{y}' fill='{colour}'>{name}</text>",
            LEFT + WIDTH + 12.0
        )
        .ok();
    }
    svg.push_str("</svg>\n");
    svg
}

fn x_of(decade: f64) -> f64 {
    let (first, last) = DECADES;
    LEFT + WIDTH * (decade.clamp(first, last) - first) / (last - first)
}

fn points(profile: Profile, condition: Condition) -> String {
    let mut figures = Figures::default();
    figures.add(&scenarios::herd(profile, condition, 10_000, 200, 1));
    let mut points = String::new();
    for thousandths in (0..=1_000).step_by(10) {
        let millis = figures.percentile(thousandths.max(1));
        let y = TOP + HEIGHT * (1.0 - thousandths as f64 / 1_000.0);
        write!(points, "{:.1},{y:.1} ", x_of(millis.max(0.1).log10())).ok();
    }
    points
}
