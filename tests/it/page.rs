//! What the committed records say: the reports, the table in README.md and the HTML page are theirs, and the page is
//! complete in itself, also in a browser where there is one.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::home::{Ended, Home, SMALL, files};

/// A copy of what reports are made of in this repository, and of the reports.
fn copied(home: &Home) -> PathBuf {
    let [from, to] = [PathBuf::from(env!("CARGO_MANIFEST_DIR")), home.root.join("copied")];
    for name in ["results", "reproductions", "data-manifests"] {
        copy(&from.join(name), &to.join(name));
    }
    fs::copy(from.join("README.md"), to.join("README.md")).unwrap();
    to
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        let target = to.join(entry.file_name());
        if entry.file_name() == "quick" {
            continue; // Everyone makes their own, with whatever program they had.
        }
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// `reprise report` of the copy.
fn report(home: &Home, copied: &Path, options: &str) {
    let mut command = home.command(["report"].into_iter().chain(options.split_whitespace()));
    command.env("REPRISE_HOME", copied).current_dir(copied);
    Ended::of(command.output().unwrap()).with(0);
}

/// The page of this repository's records.
fn page(home: &Home) -> String {
    let copied = copied(home);
    report(home, &copied, "--html page.html");
    fs::read_to_string(copied.join("page.html")).unwrap()
}

#[test]
fn the_committed_reports_and_the_table_of_verdicts_are_what_the_records_say() {
    let home = Home::new(SMALL);
    let copied = copied(&home);
    let contents =
        || -> Vec<_> { files(&copied).into_iter().map(|file| (fs::read(copied.join(&file)).unwrap(), file)).collect() };
    let before = contents();
    report(&home, &copied, "--readme");
    let changed: Vec<_> = contents().into_iter().filter(|now| !before.contains(now)).map(|(_, file)| file).collect();
    assert_eq!(changed, [""; 0], "stale; `reprise report --readme` makes them");
}

/// Values of an attribute.
fn values<'p>(page: &'p str, attribute: &str) -> Vec<&'p str> {
    let begin = format!(" {attribute}=\"");
    page.split(&*begin).skip(1).filter_map(|rest| rest.split('"').next()).collect()
}

#[test]
fn the_page_needs_nothing_else_and_its_links_lead_somewhere() {
    let home = Home::new(SMALL);
    let page = page(&home);
    for part in ["<script", "<link", "<img", "@import", "url(", "@font-face"] {
        assert!(!page.contains(part), "the page loads something: {part}");
    }
    assert!(values(&page, "src").is_empty());
    let ids = values(&page, "id");
    let mut inside = 0;
    for link in values(&page, "href") {
        if let Some(id) = link.strip_prefix('#') {
            assert!(ids.contains(&id), "nothing is called {id}");
            inside += 1;
        } else {
            assert!(link.starts_with("https://"), "{link}");
        }
    }
    assert!(inside > 20, "{inside} links");
    let mut distinct = ids.clone();
    distinct.sort_unstable();
    distinct.dedup();
    assert_eq!(distinct.len(), ids.len(), "an id stands twice");
    for text in ["Verdicts", "DE-RRD, CIKM 2020", "class=\"word matches\"", "Command", "Weights", "<svg", "<text"] {
        assert!(page.contains(text), "{text}");
    }
}

/// Chromium by one of its names.
fn browser() -> Option<&'static str> {
    let names = ["chromium", "chromium-browser", "google-chrome"];
    names.into_iter().find(|name| Command::new(name).arg("--version").output().is_ok_and(|out| out.status.success()))
}

/// What the page itself can tell: is anything wider than the window, are texts of figures drawn, what colours are there.
const PROBE: &str = "<script>
addEventListener('load', () => {
  const root = document.documentElement, style = getComputedStyle(document.body);
  const late = performance.getEntriesByType('resource').length;
  const texts = [...document.querySelectorAll('svg text')].filter(t => t.getBoundingClientRect().width > 0).length;
  root.dataset.probe = [root.scrollWidth <= root.clientWidth, late, texts > 50, style.backgroundColor].join(';');
});
</script>";

#[test]
fn a_browser_shows_it_at_two_widths_and_in_both_colour_schemes() {
    let Some(browser) = browser() else {
        eprintln!("no Chromium here: the page is not looked at");
        return;
    };
    let home = Home::new(SMALL);
    let probed = page(&home).replace("</body>", &format!("{PROBE}</body>"));
    fs::write(home.root.join("probed.html"), probed).unwrap();
    // Blink calls dark 0 and light 1.
    for (width, scheme, ground) in [
        (400, 1, "rgb(255, 255, 255)"),
        (1280, 1, "rgb(255, 255, 255)"),
        (400, 0, "rgb(20, 23, 27)"),
        (1280, 0, "rgb(20, 23, 27)"),
    ] {
        let profile = tempfile::tempdir().unwrap();
        let out = Command::new(browser)
            .args(["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"])
            .args(["--disable-background-networking", "--disable-component-update", "--dump-dom"])
            .arg(format!("--user-data-dir={}", profile.path().display()))
            .arg(format!("--window-size={width},1000"))
            .arg(format!("--blink-settings=preferredColorScheme={scheme}"))
            .arg(format!("file://{}", home.root.join("probed.html").display()))
            .output()
            .unwrap();
        let dom = String::from_utf8_lossy(&out.stdout);
        let probe = dom.split("data-probe=\"").nth(1).and_then(|rest| rest.split('"').next());
        assert_eq!(probe, Some(&*format!("true;0;true;{ground}")), "{width} wide, scheme {scheme}");
    }
}
