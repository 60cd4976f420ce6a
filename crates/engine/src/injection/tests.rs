//! What goes into each agent.

use serde_json::Value;

use super::*;
use crate::definitions::{Definitions, PrivateFile};
use offshoot_protocol::AgentId;

fn place(dir: &Path) -> Place<'_> {
    Place {
        dir,
        program: Path::new("/data it's/bin/offshoot-1"),
        environment: &[],
        may_trust: false,
    }
}

fn shipped(id: &str) -> Definition {
    let all = Definitions::built_in();
    all.get(&AgentId(id.to_owned())).unwrap().as_ref().clone()
}

fn with(kind: InjectionKind, content: &str) -> Definition {
    Definition {
        injection: Injection {
            kind,
            flag: "--config".to_owned(),
            variable: "THE_CONFIG".to_owned(),
            content: content.to_owned(),
            ..Injection::default()
        },
        ..shipped("claude-code")
    }
}

#[test]
fn claude_gets_its_hooks_in_one_argument() {
    let injected = prepare(&shipped("claude-code"), place(Path::new("/w")));
    assert!(injected.files.is_empty() && injected.variables.is_empty());
    let [flag, json] = injected.args.as_slice() else {
        panic!("{injected:?}");
    };
    assert_eq!(flag, "--settings");
    let json: Value = serde_json::from_str(json.to_str().unwrap()).unwrap();
    let command = json["hooks"]["SessionStart"][0]["hooks"][0]["command"]
        .as_str()
        .unwrap();
    // A shell reads it as it is meant.
    let words = shlex::split(command).unwrap();
    assert_eq!(
        words,
        [
            "/data it's/bin/offshoot-1",
            "hook",
            "claude-code",
            "SessionStart"
        ]
    );
}

#[test]
fn codex_gets_hooks_only_with_consent() {
    let dir = Path::new("/w");
    assert_eq!(prepare(&shipped("codex"), place(dir)), Injected::default());
    let agreed = Place {
        may_trust: true,
        ..place(dir)
    };
    let args = prepare(&shipped("codex"), agreed).args;
    assert!(
        args.contains(&"--dangerously-bypass-hook-trust".into()),
        "{args:?}"
    );
    let value = args
        .iter()
        .position(|arg| arg == "-c")
        .map(|at| &args[at + 1])
        .unwrap();
    let table: toml::Table = value.to_str().unwrap().parse().unwrap();
    let command = &table["hooks"]["SessionStart"][0]["hooks"][0]["command"];
    let words = shlex::split(command.as_str().unwrap()).unwrap();
    assert_eq!(words[0], "/data it's/bin/offshoot-1");
}

#[test]
fn a_flag_names_a_private_file() {
    let dir = tempfile::tempdir().unwrap();
    let inner = dir.path().join("inject");
    let injected = prepare(
        &with(InjectionKind::FlagFile, "{\"a\": \"{dir}\"}"),
        place(&inner),
    );
    injected.write().unwrap();
    let file = inner.join(CONTENT_FILE);
    assert_eq!(
        injected.args,
        [OsString::from("--config"), file.clone().into()]
    );
    let text = std::fs::read_to_string(&file).unwrap();
    assert_eq!(text, format!("{{\"a\": \"{}\"}}", inner.display()));
    let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&file), mode(&inner)), (0o600, 0o700));
    // A second start replaces it.
    injected.write().unwrap();
    assert_eq!(std::fs::read_dir(&inner).unwrap().count(), 1);
}

#[test]
fn a_variable_that_is_set_is_added_to() {
    let dir = Path::new("/w");
    let definition = with(InjectionKind::EnvInline, r#"{"plugin":["ours"]}"#);
    let one = |environment: &[(OsString, OsString)]| {
        let place = Place {
            environment,
            ..place(dir)
        };
        let variables = prepare(&definition, place).variables;
        variables
            .first()
            .map(|(_, value)| value.to_str().unwrap().to_owned())
    };
    assert_eq!(one(&[]).as_deref(), Some(r#"{"plugin":["ours"]}"#));
    let theirs = [("THE_CONFIG".into(), r#"{"plugin":["theirs"]}"#.into())];
    assert_eq!(
        one(&theirs).as_deref(),
        Some(r#"{"plugin":["theirs","ours"]}"#)
    );
    let strange = [("THE_CONFIG".into(), "// no JSON".into())];
    assert_eq!(one(&strange), None);
}

#[test]
fn a_file_in_place_of_the_systems_lies_where_nobody_else_can_write() {
    let definition = with(InjectionKind::EnvFile, "{}");
    let dir = tempfile::tempdir().unwrap();
    // Directories of temporary files are open to all.
    let injected = prepare(&definition, place(dir.path()));
    assert_eq!(injected, Injected::default());
    let closed = Path::new("/proc/self");
    let injected = prepare(&definition, place(closed));
    let file = closed.join(CONTENT_FILE);
    assert_eq!(
        injected.variables,
        [("THE_CONFIG".into(), file.clone().into())]
    );
    assert_eq!(injected.files, [(file, "{}".to_owned())]);
}

#[test]
fn files_that_the_content_names_are_filled_too() {
    let mut definition = with(InjectionKind::EnvInline, r#"{"plugin":["{dir}/a.js"]}"#);
    definition.injection.files = vec![PrivateFile {
        name: "a.js".to_owned(),
        content: "run(\"{hook} \" + {braces});".to_owned(),
    }];
    let injected = prepare(&definition, place(Path::new("/w")));
    let (file, content) = &injected.files[0];
    assert_eq!(file, Path::new("/w/a.js"));
    assert!(
        content.starts_with("run(\"") && content.ends_with(" hook claude-code \" + {braces});")
    );
}
