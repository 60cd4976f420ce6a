//! `replay` and `explain`: what is made of recordings, of those that are none, and of workers.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::Result;
use flate2::Compression;
use flate2::write::GzEncoder;
use offshoot_protocol::explain::Explanation;
use offshoot_protocol::view::ActivityState;
use offshoot_testkit::programs;
use offshoot_testkit::repository::TestRepository;
use offshoot_testkit::server::TestServer;
use offshoot_testkit::wait_for;
use serde_json::{Value, json};

use crate::{refuse, say, succeed};

/// A home of its own, with recordings in it.
struct Place(tempfile::TempDir);

impl Place {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn write(&self, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        let path = self.0.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, bytes).unwrap();
        path
    }

    fn replay(&self, file: &Path, agent: &str) -> Command {
        let mut command = Command::new(programs::offshoot());
        command.args(["replay", "--json", "--agent", agent]);
        command.arg(file).stdin(Stdio::null());
        command.env("HOME", self.0.path());
        for name in ["XDG_CONFIG_HOME", "OFFSHOOT_CONFIG"] {
            command.env_remove(name);
        }
        command
    }

    /// The changes that a recording is judged to hold: time, state and reason.
    #[track_caller]
    fn changes(&self, file: &Path, agent: &str) -> Vec<(f64, String)> {
        let text = succeed(&mut self.replay(file, agent));
        let lines = text.lines().map(|line| {
            let line: Value = serde_json::from_str(line).unwrap();
            assert!(line.as_object().unwrap().contains_key("reason"), "{line}");
            let state = line["state"].as_str().unwrap().to_owned();
            (line["t"].as_f64().unwrap(), state)
        });
        lines.collect()
    }
}

/// Output of an agent that reports its state: when, in seconds, and what.
const REPORTS: [(f64, &str); 4] = [
    (1.0, "idle"),
    (2.5, "working"),
    (4.0, "blocked:kind=permission"),
    (6.0, "done"),
];

fn report(state: &str) -> String {
    format!("\x1b]7501;state={state}\x1b\\")
}

fn v2() -> String {
    let mut text = json!({"version": 2, "width": 80, "height": 24}).to_string();
    for (at, state) in REPORTS {
        write!(text, "\n{}", json!([at, "o", report(state)])).unwrap();
    }
    text
}

fn v3() -> String {
    let mut text = json!({"version": 3, "term": {"cols": 80, "rows": 24}}).to_string();
    text += "\n# a comment";
    let mut last = 0.0;
    for (at, state) in REPORTS {
        write!(text, "\n{}", json!([at - last, "o", report(state)])).unwrap();
        last = at;
    }
    text + "\n[1.5, \"x\", \"0\"]\n"
}

fn gzip(text: &str) -> Vec<u8> {
    let mut file = GzEncoder::new(Vec::new(), Compression::default());
    file.write_all(text.as_bytes()).unwrap();
    file.finish().unwrap()
}

fn expected(states: &[(f64, &str)]) -> Vec<(f64, String)> {
    let all = states.iter();
    all.map(|(at, state)| (*at, (*state).to_owned())).collect()
}

const STATES: [(f64, &str); 5] = [
    (0.0, "starting"),
    (1.0, "idle"),
    (2.5, "working"),
    (4.0, "waiting"),
    (6.0, "idle"),
];

#[test]
fn recordings_of_both_versions_are_judged_plain_and_compressed() {
    let place = Place::new();
    let old = place.write("old.cast", v2());
    assert_eq!(place.changes(&old, "codex"), expected(&STATES));
    // By its id, its program, or its id in the first dialect.
    for name in ["claude-code", "claude", "claude-code-builtin"] {
        assert_eq!(place.changes(&old, name), expected(&STATES), "{name}");
    }
    let ended = [&STATES[..], &[(7.5, "exited")]].concat();
    let new = place.write("new.cast", v3());
    assert_eq!(place.changes(&new, "codex"), expected(&ended));
    let packed = place.write("new.cast.gz", gzip(&v3()));
    assert_eq!(place.changes(&packed, "codex"), expected(&ended));
}

#[test]
fn an_agent_that_took_its_leave_has_ended_with_its_recording() {
    let place = Place::new();
    let hello = "\u{1b}]0;agent\u{7}\u{1b}[?2004h";
    let bye = "\u{1b}[?2004l\u{1b}]0;\u{7}";
    let head = json!({"version": 2, "width": 80, "height": 24}).to_string();
    let cast = |events: &[(f64, &str)]| {
        let lines = events.iter().map(|(at, text)| json!([at, "o", text]));
        let lines: Vec<_> = lines.map(|line| line.to_string()).collect();
        format!("{head}\n{}\n", lines.join("\n"))
    };
    let idle = report("idle");
    let ended = [(0.5, hello), (1.0, idle.as_str()), (9.0, bye)];
    let file = place.write("ended.cast", cast(&ended));
    let states = [(0.0, "starting"), (1.0, "idle"), (9.0, "exited")];
    assert_eq!(place.changes(&file, "codex"), expected(&states));
    // One that goes on afterwards has not.
    let back = [&ended[..], &[(12.0, hello)]].concat();
    let file = place.write("back.cast", cast(&back));
    assert_eq!(place.changes(&file, "codex"), expected(&states[..2]));
}

#[test]
fn what_a_killed_recorder_left_is_judged_as_far_as_it_goes() {
    let place = Place::new();
    let text = v2();
    let cut = place.write("cut.cast", &text[..text.len() - 9]);
    assert_eq!(place.changes(&cut, "codex"), expected(&STATES[..4]));
    // Compressed, what is lost at the end is more, but not all.
    let mut long = v2();
    for second in 7..20_000 {
        let line = json!([f64::from(second), "o", format!("{}\r\n", second * second)]);
        write!(long, "\n{line}").unwrap();
    }
    let packed = gzip(&long);
    let cut = place.write("cut.cast.gz", &packed[..packed.len() / 2]);
    assert_eq!(place.changes(&cut, "codex"), expected(&STATES));
}

#[test]
fn what_is_no_recording_and_who_is_no_agent_is_refused_with_a_sentence() {
    let place = Place::new();
    let good = place.write("good.cast", v2());
    let unknown = "unknown agent \"nobody\"; there are claude-code, codex";
    refuse(&mut place.replay(&good, "nobody"), 4, unknown);
    let absent = place.0.path().join("absent.cast");
    refuse(&mut place.replay(&absent, "codex"), 1, "read ");
    for (name, bytes, sentence) in [
        ("text", b"hello\n".to_vec(), "no asciicast"),
        ("empty", Vec::new(), "no asciicast"),
        ("one", b"{\"version\": 1}\n".to_vec(), "no asciicast"),
        ("noise", vec![0xff, 0, 0x1b, 0x80], "no asciicast"),
        ("bad.gz", vec![0x1f, 0x8b, 8, 0, 1, 2], "read "),
        (
            "middle",
            b"{\"version\": 2}\n[1, \"o\", \"a\"]\n{{\n[2, \"o\", \"b\"]\n".to_vec(),
            "line 3",
        ),
        (
            "negative",
            b"{\"version\": 2}\n[-1, \"o\", \"a\"]\n".to_vec(),
            "line 2",
        ),
    ] {
        let file = place.write(name, bytes);
        refuse(&mut place.replay(&file, "codex"), 1, sentence);
    }
}

#[test]
fn numbers_of_strangers_do_no_harm() {
    let place = Place::new();
    let heads = [
        json!({"version": 2, "width": 0, "height": 99999}),
        json!({"version": 3, "term": {"cols": -4, "rows": "x"}}),
    ];
    for head in heads {
        let lines = [
            head,
            json!([0.5, "r", "0x0"]),
            json!([0.5, "r", "99999x99999"]),
            json!([0.5, "r", "wide"]),
            json!([0.5, "m", "a mark"]),
            json!([0.5, "o", "\u{1b}[999999999B\u{1b}[;r\u{1b}]0;"]),
            json!([1e18, "o", "late"]),
            json!([1.8e19, "o", "later"]),
        ];
        let text: Vec<_> = lines.iter().map(ToString::to_string).collect();
        let file = place.write("odd.cast", text.join("\n"));
        assert!(!place.changes(&file, "codex").is_empty());
    }
}

#[test]
fn definitions_of_the_user_are_honoured() {
    let place = Place::new();
    let cast = [
        json!({"version": 2, "width": 80, "height": 24}),
        json!([1.0, "o", "my own sign of work"]),
    ];
    let cast: Vec<_> = cast.iter().map(ToString::to_string).collect();
    let file = place.write("own.cast", cast.join("\n"));
    let rule = "[[screen]]\nid = \"w\"\nsays = \"working\"\nany = ['sign of work']\n";
    let definition = |id: &str| {
        format!("id = \"{id}\"\nname = \"N\"\nprogram = \"p\"\n[start]\nargv = [\"p\"]\n{rule}")
    };
    refuse(&mut place.replay(&file, "mine"), 4, "unknown agent");
    let works = |agent: &str| {
        let changes = place.changes(&file, agent);
        changes.iter().any(|(_, state)| state == "working")
    };
    assert!(!works("codex"));
    place.write(".config/offshoot/agents/mine.toml", definition("mine"));
    place.write(".config/offshoot/agents/codex.toml", definition("codex"));
    assert!(works("mine") && works("codex"));
    place.write(
        ".config/offshoot/agents/left-out.toml",
        "id = \"left-out\"\n",
    );
    refuse(&mut place.replay(&file, "left-out"), 4, "left-out.toml:");
    // Of a file that is named.
    let named = place.write("elsewhere.toml", definition("elsewhere"));
    assert!(works(named.to_str().unwrap()));
    let broken = place.write("broken.toml", "id = \"broken\"\nnmae = 1\n");
    let name = broken.to_str().unwrap();
    refuse(&mut place.replay(&file, name), 1, "broken.toml:2");
}

#[test]
fn a_long_recording_takes_seconds() {
    let place = Place::new();
    let frame =
        "\u{1b}[H\u{1b}[2J".to_owned() + &"a line of text that is drawn anew\r\n".repeat(20);
    let line = json!([0.02, "o", frame]).to_string() + "\n";
    let mut text = json!({"version": 3, "term": {"cols": 120, "rows": 40}}).to_string() + "\n";
    while text.len() < 10 << 20 {
        text += &line;
    }
    let file = place.write("long.cast", text);
    let begin = Instant::now();
    place.changes(&file, "claude-code");
    let took = begin.elapsed();
    assert!(took < Duration::from_secs(30), "10 MiB took {took:?}");
}

#[tokio::test]
async fn a_worker_is_explained_with_its_evidence() -> Result<()> {
    let server = TestServer::start().await?;
    let repository = TestRepository::new()?;
    let path = repository.path();
    let path = path.to_str().expect("UTF-8");
    let question = "printf 'Overwrite the file? [y/N] '; cat";
    let command = format!("sh -c \"{question}\"");
    let new = [
        "new",
        path,
        "--branch",
        "ask",
        "--command",
        &command,
        "--json",
    ];
    succeed(&mut server.offshoot(&new));
    let told = wait_for("the question is noticed", || {
        let text = succeed(&mut server.offshoot(&["explain", "ask", "--json"]));
        let told: Explanation = serde_json::from_str(&text).ok()?;
        (told.activity.state == ActivityState::Waiting).then_some(told)
    })
    .await?;
    assert_eq!(told.source, "blocker");
    assert!(
        told.evidence.iter().any(|piece| piece.counted
            && piece.source == "blocker"
            && piece.text.contains("Overwrite")),
        "{:?}",
        told.evidence
    );
    let said = say(&mut server.offshoot(&["explain", "ask"]));
    for part in [
        "waiting (approval) for",
        "by blocker: ",
        "* waiting",
        "Overwrite the file?",
    ] {
        assert!(said.stdout.contains(part), "{part}: {}", said.stdout);
    }
    refuse(&mut server.offshoot(&["explain", "nobody"]), 4, "nobody");
    Ok(())
}
