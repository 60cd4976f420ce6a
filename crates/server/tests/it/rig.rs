//! A server on port 0 over an engine on a temporary home, and sockets that show everything.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use libtest_mimic::Trial;
use offshoot_engine::{Engine, EngineConfig};
use offshoot_protocol::rest::WorktreeFate;
use offshoot_protocol::view::{Session, WorkerKind};
use offshoot_protocol::{SessionId, WorkerId};
use offshoot_server::{Server, ServerConfig};
use offshoot_testkit::http::{Http, first_worker};
use offshoot_testkit::server::Access;
use offshoot_testkit::terminal::Stream;
use serde_json::{Value, json};
use tokio::task::JoinHandle;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::{self, Message};
use tokio_util::sync::CancellationToken;

/// A fact that does not come true in this time fails the test.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// A test that is not done after this time waits in vain: pings keep sockets from falling silent.
const TEST_TIME: Duration = Duration::from_secs(90);

/// An agent as the first dialect's checks describe it.
const AGENT: &str = r#"#!/bin/sh
echo "AGENT mode=$1 prompt=[$2]"
while IFS= read -r line; do
  case "$line" in
    quit) echo bye; exit 7 ;;
    numbers) i=0; while [ $i -lt 6000 ]; do i=$((i+1)); echo "line $i"; done ;;
    *) echo "got:$line" ;;
  esac
done
"#;

pub struct Rig {
    pub engine: Engine,
    pub addr: SocketAddr,
    pub access: Access,
    pub http: Http,
    dir: tempfile::TempDir,
    cancel: CancellationToken,
    running: tokio::sync::Mutex<Option<JoinHandle<()>>>,
}

/// Makes a test with a running server. What it started ends with it, also when it fails.
pub fn trial<F>(name: &str, test: impl FnOnce(Arc<Rig>) -> F + Send + 'static) -> Trial
where
    F: Future<Output = ()> + Send + 'static,
{
    trial_with(name, |_| (), test)
}

/// Makes a test with a running server of another configuration.
pub fn trial_with<F>(
    name: &str,
    change: impl FnOnce(&mut ServerConfig) + Send + 'static,
    test: impl FnOnce(Arc<Rig>) -> F + Send + 'static,
) -> Trial
where
    F: Future<Output = ()> + Send + 'static,
{
    Trial::test(name, move || {
        let mut builder = tokio::runtime::Builder::new_multi_thread();
        let runtime = builder.worker_threads(2).enable_all().build().unwrap();
        runtime.block_on(async {
            let rig = Arc::new(Rig::start(change).await);
            let test = tokio::time::timeout(TEST_TIME, test(Arc::clone(&rig)));
            let outcome = tokio::spawn(test).await;
            rig.end().await;
            match outcome {
                Ok(in_time) => in_time.expect("the test waits for a fact that never comes"),
                Err(err) => std::panic::resume_unwind(err.into_panic()),
            }
        });
        Ok(())
    })
}

impl Rig {
    pub async fn start(change: impl FnOnce(&mut ServerConfig)) -> Self {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("work")).unwrap();
        std::fs::write(dir.path().join("agent.sh"), AGENT).unwrap();
        std::fs::create_dir(dir.path().join("bin")).unwrap();
        for program in ["code", "xdg-open"] {
            let opened = dir.path().join("opened");
            let script = format!("echo {program} \"$@\" >> {}", opened.display());
            write_program(&dir.path().join("bin").join(program), &script);
        }
        let engine = Engine::start(engine_config(dir.path())).await.unwrap();
        let mut config = ServerConfig::new("127.0.0.1:0".parse().unwrap());
        change(&mut config);
        let server = Server::bind(engine.clone(), config).await.unwrap();
        let addr = server.local_addr();
        let token = engine
            .credentials()
            .create_token("test")
            .await
            .unwrap()
            .secret;
        let access = Access {
            url: format!("http://{addr}"),
            token,
        };
        let cancel = CancellationToken::new();
        let running = tokio::spawn(server.run(cancel.clone()));
        Self {
            http: Http::new(&access.url, Some(&access.token)),
            engine,
            addr,
            access,
            dir,
            cancel,
            running: tokio::sync::Mutex::new(Some(running)),
        }
    }

    /// Stops the server; the engine goes on.
    pub async fn stop(&self) {
        self.cancel.cancel();
        if let Some(running) = self.running.lock().await.take() {
            running.await.unwrap();
        }
    }

    pub async fn end(&self) {
        self.stop().await;
        for session in self.engine.sessions() {
            let _ = self
                .engine
                .delete_session(session.id, WorktreeFate::Keep)
                .await;
        }
        self.engine.shutdown().await;
    }

    pub fn work(&self) -> PathBuf {
        self.dir.path().join("work")
    }

    /// The test's own directory, which is also the home of its user; `bin` is on the PATH.
    pub fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// Runs a command as the first worker of a new session.
    pub async fn run(&self, command: &str) -> (SessionId, WorkerId) {
        let work = self.work();
        let session = self
            .http
            .run_in(work.to_str().unwrap(), command, None)
            .await
            .unwrap();
        (session.id, first_worker(&session).id)
    }

    /// Runs a shell script as the first worker of a new session.
    pub async fn script(&self, text: &str) -> (SessionId, WorkerId) {
        let path = self.dir.path().join(format!("{}.sh", uuid::Uuid::new_v4()));
        std::fs::write(&path, text).unwrap();
        self.run(&format!("sh {}", path.display())).await
    }

    /// Registers the scripted agent and returns its id.
    pub async fn agent(&self) -> String {
        let script = self.dir.path().join("agent.sh");
        let script = script.display();
        let body = json!({
            "name": "FA",
            "commandTemplate": format!("sh {script} start {{{{prompt}}}}"),
            "continueTemplate": format!("sh {script} cont"),
            "activityPatterns": {"askingPatterns": ["Do you want to.*\\?"]},
            "unknown": "ignored",
        });
        let made: Value = self.http.post("/api/agents", &body).await.unwrap();
        made["agent"]["id"].as_str().unwrap().to_owned()
    }

    /// Opens a quick session of the scripted agent, as a client of the first dialect does.
    pub async fn agent_session(&self) -> (Session, WorkerId) {
        let agent = self.agent().await;
        let body = json!({"type": "quick", "locationPath": self.work(), "agentId": agent});
        let made: Value = self.http.post("/api/sessions", &body).await.unwrap();
        let session: Session = serde_json::from_value(made["session"].clone()).unwrap();
        assert_eq!(session.workers[0].kind, WorkerKind::Agent);
        let worker = session.workers[0].id;
        (session, worker)
    }

    /// Opens a socket with the token.
    pub async fn socket(&self, path: &str, subprotocol: Option<&str>) -> Socket {
        let stream = offshoot_testkit::terminal::open(&self.access, path, subprotocol).await;
        Socket(stream.unwrap())
    }

    pub async fn worker_socket(&self, ids: (SessionId, WorkerId)) -> Socket {
        self.socket(&format!("/ws/session/{}/worker/{}", ids.0, ids.1), None)
            .await
    }

    /// Tries to open a socket with exactly these headers; the status when it is refused.
    pub async fn try_socket(
        &self,
        path: &str,
        headers: &[(&'static str, &str)],
    ) -> Result<Socket, u16> {
        let mut request = format!("ws://{}{path}", self.addr)
            .into_client_request()
            .unwrap();
        for (name, value) in headers {
            request.headers_mut().insert(*name, value.parse().unwrap());
        }
        match tokio_tungstenite::connect_async(request).await {
            Ok((stream, _)) => Ok(Socket(stream)),
            Err(tungstenite::Error::Http(response)) => Err(response.status().as_u16()),
            Err(err) => panic!("{err}"),
        }
    }
}

/// The PATH with the test's own programs before all others.
fn path_with(bin: &Path) -> std::ffi::OsString {
    let path = std::env::var_os("PATH").unwrap();
    let rest = std::env::split_paths(&path);
    std::env::join_paths(std::iter::once(bin.to_owned()).chain(rest)).unwrap()
}

/// Writes a shell script as a program. In one step: a file that is open for writing cannot be run.
pub fn write_program(path: &Path, script: &str) {
    use std::os::unix::fs::PermissionsExt;
    let fresh = path.with_extension("new");
    std::fs::write(&fresh, format!("#!/bin/sh\n{script}\n")).unwrap();
    std::fs::set_permissions(&fresh, std::fs::Permissions::from_mode(0o755)).unwrap();
    std::fs::rename(&fresh, path).unwrap();
}

fn engine_config(dir: &Path) -> EngineConfig {
    EngineConfig {
        home: dir.join("home"),
        run_dir: None,
        program: std::env::current_exe().unwrap(),
        user_home: dir.to_owned(),
        shell: "/bin/sh".into(),
        environment: vec![
            ("PATH".into(), path_with(&dir.join("bin"))),
            ("HOME".into(), dir.into()),
        ],
        time_zone: jiff::tz::TimeZone::UTC,
        agents_dir: None,
        asks_usage: true,
        trusted_hooks: Vec::new(),
        setup_limit: std::time::Duration::from_secs(600),
        version: "0".to_owned(),
        notifications: offshoot_engine::NotificationConfig {
            allow_private: true,
            ..Default::default()
        },
    }
}

/// A socket whose text frames are JSON.
pub struct Socket(pub Stream);

impl Socket {
    pub async fn send(&mut self, frame: Value) {
        self.0.send(Message::text(frame.to_string())).await.unwrap();
    }

    /// The next message that is no ping.
    pub async fn message(&mut self) -> Option<Message> {
        loop {
            let message = tokio::time::timeout(PATIENCE, self.0.next()).await;
            match message.expect("the server says something") {
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                Some(Ok(message)) => return Some(message),
                Some(Err(_)) | None => return None,
            }
        }
    }

    /// The next frame.
    pub async fn frame(&mut self) -> Value {
        match self.message().await {
            Some(Message::Text(text)) => serde_json::from_str(&text).unwrap(),
            other => panic!("a text frame was expected: {other:?}"),
        }
    }

    /// The next frame of a type; others before it are dropped.
    pub async fn frame_of(&mut self, kind: &str) -> Value {
        loop {
            let frame = self.frame().await;
            if frame["type"] == kind {
                return frame;
            }
        }
    }

    /// All frames until the connection closes, and how it closed.
    pub async fn rest(&mut self) -> (Vec<Value>, Option<CloseFrame>) {
        let mut frames = Vec::new();
        loop {
            match self.message().await {
                Some(Message::Text(text)) => frames.push(serde_json::from_str(&text).unwrap()),
                Some(Message::Close(close)) => return (frames, close),
                Some(_) => {}
                None => return (frames, None),
            }
        }
    }

    /// The code the connection closes with.
    pub async fn close_code(&mut self) -> Option<u16> {
        let (_, close) = self.rest().await;
        close.map(|close| close.code.into())
    }
}
