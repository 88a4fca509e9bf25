//! Whole accelerators in `docs/results.md`, from the builds that are kept.

use std::fmt::Write as _;

use super::Report;
use super::kept::Kept;
use super::path::described;

/// The last section of the page: a column for each build. Empty if there are none.
pub fn section(builds: &[Kept]) -> String {
    if builds.is_empty() {
        return String::new();
    }
    let mut text = String::from(
        "\n## Whole accelerators\n\n\
         `logloom build` of the presets for boards: the accelerator with its serial link, through the PLL. Samples and MACs per second are \
         those of training on the chip at its clock, the host's transfers not counted. The files in [builds](builds) have the rest; \
         `make bench-check` compares with them. ",
    );
    let old: Vec<String> =
        builds.iter().filter(|kept| !kept.current).map(|kept| format!("`{}`", kept.preset)).collect();
    text += &match old.is_empty() {
        true => "All were built from the Verilog and pins that `build` writes now.\n\n".to_owned(),
        false => format!("**Built from other Verilog or pins than `build` writes now:** {}.\n\n", old.join(", ")),
    };
    let mut row = |name: &str, cell: &dyn Fn(&Kept) -> String| {
        let cells: Vec<String> = builds.iter().map(cell).collect();
        writeln!(text, "| {name} | {} |", cells.join(" | ")).expect("writing to a string");
    };
    row("", &|kept| format!("`{}`", kept.preset));
    row("---", &|_| "---".into());
    let mut row = |name: &str, cell: &dyn Fn(&Report) -> String| row(name, &|kept| cell(&kept.report));
    row("board, device", &|report| format!("{}, {}", report.title, report.device.name));
    row("array", &|report| format!("{} x {}", report.array.rows, report.array.columns));
    row("arithmetic", &|report| report.array.arithmetic.clone());
    row("of the device", &|report| {
        let used = report.utilisation.iter().filter(|(_, places)| places.used > 0);
        lines(used.map(|(kind, p)| format!("{} of {} {kind} ({:.1} %)", p.used, p.available, p.percent())))
    });
    row("Fmax: median (range)", &|report| report.fmax.described());
    row("clock", &|report| format!("{:.3} MHz", report.clock.pll.mhz));
    row("batch", &|report| report.performance.batch.to_string());
    row("cycles per batch", &|report| report.performance.cycles_per_batch.to_string());
    row("samples per second", &|report| format!("{:.0}", report.performance.samples_per_second));
    row("MACs per second", &|report| format!("{:.2e}", report.performance.macs_per_second));
    row("bits of memories", &|report| {
        let total: u64 = report.memories.iter().map(|memory| memory.total_bits).sum();
        let each = report.memories.iter().map(|memory| format!("{} {}", memory.name, memory.total_bits));
        lines(std::iter::once(format!("{total}:")).chain(each))
    });
    row("critical path of the fastest placement", &|report| described(&report.critical_path));
    row("tools", &|report| lines(report.tools.iter().map(|(tool, version)| format!("{tool} {version}"))));
    text
}

fn lines(parts: impl Iterator<Item = String>) -> String {
    parts.collect::<Vec<_>>().join("<br>")
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::super::kept;
    use super::*;

    #[test]
    fn a_column_for_each_build() {
        let report = kept::tests::report(12_000, 51.5);
        assert_eq!(section(&[]), "");
        let kept = |preset, current| Kept { preset, report: report.clone(), current };
        let text = section(&[kept("digits-a", true), kept("digits-b", false)]);
        for line in [
            "|  | `digits-a` | `digits-b` |",
            "| board, device | ULX3S 25F, ECP5 LFE5U-25F-6 | ULX3S 25F, ECP5 LFE5U-25F-6 |",
            "| of the device | 12144 of 24288 TRELLIS_COMB (50.0 %) | 12144 of 24288 TRELLIS_COMB (50.0 %) |",
            "| Fmax: median (range) | 51.50 MHz (1 seed) | 51.50 MHz (1 seed) |",
            "| MACs per second | 4.50e9 | 4.50e9 |",
            "| bits of memories | 16384:<br>program 8192<br>weight 8192 | 16384:<br>program 8192<br>weight 8192 |",
            "| tools | nextpnr-ecp5 0.10<br>yosys 0.70 | nextpnr-ecp5 0.10<br>yosys 0.70 |",
        ] {
            assert!(text.lines().any(|found| found == line), "{line}\n{text}");
        }
        assert!(
            text.contains(" **Built from other Verilog or pins than `build` writes now:** `digits-b`.\n\n"),
            "{text}"
        );
        assert!(text.contains("accelerator.array.pe (sum_q, 12.2 ns)"), "{text}");
    }

    /// `UPDATE=1` renews the section of the page; `make bench` writes all of it.
    #[test]
    fn the_page_shows_the_builds_that_are_kept() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let section = section(&kept::load_all(&root).unwrap());
        let path = root.join("docs/results.md");
        let page = std::fs::read_to_string(&path).unwrap();
        let before = page.split("\n## Whole accelerators\n").next().unwrap();
        let expected = format!("{before}{section}");
        if std::env::var_os("UPDATE").is_some() {
            std::fs::write(path, expected).unwrap();
        } else {
            assert_eq!(page, expected, "run `UPDATE=1 cargo test -p logloom --lib page`");
        }
    }
}
