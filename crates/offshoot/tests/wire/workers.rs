//! W40–W45: workers, their environment, and sockets of what is not there.

use serde_json::{Value, json};

use crate::client::{Socket, refused};
use crate::fixture::{Fixture, Shop, agent_of, of_session, of_worker};

const NONE: &str = "00000000-0000-4000-8000-000000000000";

fn add_terminal(f: &Fixture, session: &Value, name: Option<&str>) -> Value {
    let path = format!("{}/workers", of_session(session));
    let body = match name {
        Some(name) => json!({"type": "terminal", "name": name}),
        None => json!({"type": "terminal"}),
    };
    f.client.post(&path, &body, 201)["worker"].clone()
}

#[test]
fn w40_adding_terminals() {
    let f = Fixture::new();
    let session = f.quick(&f.fa());
    let first = add_terminal(&f, &session, None);
    assert_eq!(
        (&first["name"], &first["type"]),
        (&json!("Terminal 1"), &json!("terminal"))
    );
    assert_eq!(first["activated"], true);
    assert_eq!(
        add_terminal(&f, &session, Some("Shell 7"))["name"],
        "Shell 7"
    );
    assert_eq!(add_terminal(&f, &session, None)["name"], "Terminal 3");
    let path = format!("{}/workers", of_session(&session));
    let workers = f.client.read(&path);
    assert_eq!(workers["workers"].as_array().unwrap().len(), 5);
    for kind in ["agent", "git-diff", "x"] {
        refused(&f.client.send("POST", &path, &json!({"type": kind})), 400);
    }
    let path = format!("/api/sessions/{NONE}/workers");
    refused(
        &f.client.send("POST", &path, &json!({"type": "terminal"})),
        404,
    );
    refused(&f.client.get(&path), 404);
}

#[test]
fn w41_deleting_a_worker() {
    let f = Fixture::new();
    let session = f.quick(&f.fa());
    let worker = add_terminal(&f, &session, None);
    let path = of_worker(&session, &worker);
    f.client.delete(&path);
    refused(&f.client.bare("DELETE", &path), 404);
    let diff = of_worker(&session, &session["workers"][1]);
    f.client.delete(&diff);
    let left = f.client.read(&format!("{}/workers", of_session(&session)));
    assert_eq!(left["workers"].as_array().unwrap().len(), 1);
}

#[test]
fn w42_restarting() {
    let f = Fixture::new();
    let session = f.quick_with(&f.fa(), &json!({"initialPrompt": "once"}));
    let agent = agent_of(&session);
    let path = format!("{}/restart", of_worker(&session, agent));
    let restart = |body: &Value| {
        let worker = f.client.post(&path, body, 200)["worker"].clone();
        for same in ["id", "name", "createdAt"] {
            assert_eq!(worker[same], agent[same], "{same}");
        }
        f.client.worker(&session, agent).all_with("]\r\n").0
    };
    assert_eq!(
        restart(&json!({"continueConversation": true})),
        "AGENT mode=cont prompt=[]\r\n"
    );
    assert_eq!(
        restart(&json!({"continueConversation": false})),
        "AGENT mode=start prompt=[]\r\n"
    );
    assert_eq!(restart(&json!({})), "AGENT mode=start prompt=[]\r\n");
    assert_eq!(
        f.client.bare("POST", &path).status,
        200,
        "no body at all works"
    );
    refused(
        &f.client
            .send("POST", &path, &json!({"continueConversation": 7})),
        400,
    );
    let terminal = add_terminal(&f, &session, None);
    let diff = &session["workers"][1];
    for other in [&terminal, diff, &json!({"id": NONE})] {
        let path = format!("{}/restart", of_worker(&session, other));
        refused(&f.client.send("POST", &path, &json!({})), 404);
    }
}

/// What `env` prints in a terminal, as pairs.
fn environment(shell: &mut Socket) -> Vec<(String, String)> {
    shell.input("env; echo end-$((6*7))\r");
    let (all, _) = shell.output_with("end-42");
    let pairs = all
        .lines()
        .filter_map(|line| line.trim_end().split_once('='));
    pairs
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

fn value<'a>(all: &'a [(String, String)], name: &str) -> Option<&'a str> {
    let found = all.iter().find(|(known, _)| known == name);
    found.map(|(_, value)| value.as_str())
}

#[test]
fn w43_the_environment_of_the_server_stays_there() {
    let own = ["PORT", "NODE_ENV", "HOST", "APP_URL"];
    let f = Fixture::with_env(&own.map(|name| (name, "1")));
    let session = f.quick(&f.fa());
    let mut shell = f.client.worker(&session, &add_terminal(&f, &session, None));
    let all = environment(&mut shell);
    for name in own {
        assert_eq!(value(&all, name), None, "{name}");
    }
    for name in ["OFFSHOOT_HOME", "OFFSHOOT_TOKEN"] {
        let seen = value(&all, name).unwrap_or_default();
        assert!(!seen.contains(&f.rig.http.token), "{name}");
    }
    assert_eq!(value(&all, "TERM"), Some("xterm-256color"));
    assert_eq!(value(&all, "COLORTERM"), Some("truecolor"));
}

#[test]
fn w44_the_environment_of_the_repository() {
    let f = Fixture::new();
    let shop = Shop::new(&f, &f.fa());
    let path = format!("/api/repositories/{}", shop.record["id"].as_str().unwrap());
    let text = "FOO=bar # c\nPATH=/evil\nLD_PRELOAD=/evil.so\nQ=\"a # b\"\n# no\nBAD\n";
    f.client.patch(&path, &json!({"envVars": text}));
    let mut shell = f
        .client
        .worker(&shop.session, &add_terminal(&f, &shop.session, None));
    let all = environment(&mut shell);
    assert_eq!(value(&all, "FOO"), Some("bar"));
    assert_eq!(value(&all, "Q"), Some("a # b"));
    let search = value(&all, "PATH").unwrap();
    assert!(
        search.contains("/bin") && !search.contains("evil"),
        "{search}"
    );
    assert_eq!(value(&all, "LD_PRELOAD"), None);
    // A quick session in the same directory has none of it.
    let quick = f.quick(&f.fa());
    let mut shell = f.client.worker(&quick, &add_terminal(&f, &quick, None));
    assert_eq!(value(&environment(&mut shell), "FOO"), None);
}

#[test]
fn w45_sockets_of_what_is_not_there() {
    let f = Fixture::new();
    let session = f.quick(&f.fa());
    let none = json!({"id": NONE});
    for (session, worker) in [
        (&session, &none),
        (&none, agent_of(&session)),
        (&none, &none),
    ] {
        let (frames, code) = f.client.worker(session, worker).rest();
        assert_eq!(code, 1000);
        assert_eq!(frames.len(), 2, "{frames:?}");
        assert_eq!(frames[0]["type"], "error");
        assert_eq!(frames[0]["code"], "WORKER_NOT_FOUND");
        assert!(frames[0]["message"].is_string());
        assert_eq!(
            frames[1],
            json!({"type": "exit", "exitCode": 1, "signal": null})
        );
    }
}
