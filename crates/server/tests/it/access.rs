//! Who is let in, over the wire.

use std::sync::Arc;

use libtest_mimic::Trial;
use offshoot_server::{BindError, Server, ServerConfig};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::rig::{Rig, trial};

pub fn trials() -> Vec<Trial> {
    vec![
        trial(
            "a_code_signs_a_browser_in_once",
            a_code_signs_a_browser_in_once,
        ),
        trial(
            "a_cookie_of_another_port_hides_no_sign_in",
            a_cookie_of_another_port_hides_no_sign_in,
        ),
        trial(
            "guessing_codes_is_slowed_down",
            guessing_codes_is_slowed_down,
        ),
        trial(
            "signing_out_and_revoking_end_access",
            signing_out_and_revoking_end_access,
        ),
        trial(
            "the_matrix_holds_over_the_wire",
            the_matrix_holds_over_the_wire,
        ),
        trial(
            "every_answer_carries_the_security_headers",
            every_answer_carries_the_security_headers,
        ),
        trial(
            "unsafe_or_taken_addresses_are_refused",
            unsafe_or_taken_addresses_are_refused,
        ),
        trial("a_slow_or_huge_request_ends", a_slow_or_huge_request_ends),
    ]
}

/// Sends a request with exactly these headers and returns the status.
async fn status(rig: &Rig, method: Method, path: &str, headers: &[(&str, &str)]) -> StatusCode {
    let url = format!("http://{}{path}", rig.addr);
    let mut request = reqwest::Client::new().request(method, url);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.send().await.unwrap().status()
}

async fn sign_in(rig: &Rig, code: &str) -> reqwest::Response {
    let url = format!("http://{}/api/auth/sign-in", rig.addr);
    let request = reqwest::Client::new()
        .post(url)
        .json(&json!({"code": code}));
    request.send().await.unwrap()
}

async fn cookie_for(rig: &Rig) -> String {
    let answer = sign_in(rig, &rig.engine.credentials().issue_code()).await;
    assert_eq!(answer.status(), StatusCode::OK);
    let cookie = answer.headers()["set-cookie"].to_str().unwrap();
    for part in ["HttpOnly", "SameSite=Strict", "Path=/"] {
        assert!(cookie.contains(part), "{cookie}");
    }
    cookie.split(';').next().unwrap().to_owned()
}

async fn a_code_signs_a_browser_in_once(rig: Arc<Rig>) {
    let issued: Value = rig.http.post("/api/auth/codes", &json!({})).await.unwrap();
    let code = issued["code"].as_str().unwrap();
    assert_eq!(issued["url"], format!("http://{}/#code={code}", rig.addr));
    let first = sign_in(&rig, code).await;
    let cookie = first.headers()["set-cookie"].to_str().unwrap();
    let cookie = cookie.split(';').next().unwrap().to_owned();
    assert!(cookie.starts_with("offshoot="), "{cookie}");
    let me = status(&rig, Method::GET, "/api/auth/me", &[("cookie", &cookie)]).await;
    assert_eq!(me, StatusCode::OK);
    assert_eq!(sign_in(&rig, code).await.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(
        sign_in(&rig, &rig.access.token).await.status(),
        StatusCode::OK
    );
}

async fn a_cookie_of_another_port_hides_no_sign_in(rig: Arc<Rig>) {
    let good = cookie_for(&rig).await;
    let bad = |n: usize| vec!["offshoot=bad"; n].join("; ");
    for (cookies, expected) in [
        (bad(1), StatusCode::UNAUTHORIZED),
        (format!("{}; {good}", bad(1)), StatusCode::OK),
        (format!("{good}; {}", bad(1)), StatusCode::OK),
        (format!("{}; {good}", bad(3)), StatusCode::OK),
        (format!("{}; {good}", bad(4)), StatusCode::UNAUTHORIZED),
    ] {
        let me = status(&rig, Method::GET, "/api/auth/me", &[("cookie", &cookies)]).await;
        assert_eq!(me, expected, "{cookies}");
    }
    let both = format!("{}; {good}", bad(1));
    let client = reqwest::Client::new();
    let me = format!("http://{}/api/auth/me", rig.addr);
    let me = client.get(me).header("cookie", &both).send().await.unwrap();
    let prolonged = me.headers()["set-cookie"].to_str().unwrap();
    assert!(prolonged.starts_with(&format!("{good};")), "{prolonged}");

    let own = format!("http://{}", rig.addr);
    let headers = [("cookie", both.as_str()), ("origin", own.as_str())];
    let out = status(&rig, Method::POST, "/api/auth/sign-out", &headers).await;
    assert_eq!(out, StatusCode::OK);
    let me = status(&rig, Method::GET, "/api/auth/me", &[("cookie", &good)]).await;
    assert_eq!(me, StatusCode::UNAUTHORIZED, "every sign-in sent is ended");
}

async fn guessing_codes_is_slowed_down(rig: Arc<Rig>) {
    for _ in 0..5 {
        assert_eq!(
            sign_in(&rig, "wrong").await.status(),
            StatusCode::UNAUTHORIZED
        );
    }
    let refused = sign_in(&rig, &rig.engine.credentials().issue_code()).await;
    assert_eq!(refused.status(), StatusCode::TOO_MANY_REQUESTS);
    let wait: u64 = refused.headers()["retry-after"]
        .to_str()
        .unwrap()
        .parse()
        .unwrap();
    assert!((1..=60).contains(&wait));
    let body: Value = refused.json().await.unwrap();
    assert_eq!(body["code"], "rate-limited");
}

async fn signing_out_and_revoking_end_access(rig: Arc<Rig>) {
    let cookie = cookie_for(&rig).await;
    let own = format!("http://{}", rig.addr);
    let headers = [("cookie", cookie.as_str()), ("origin", own.as_str())];
    let out = status(&rig, Method::POST, "/api/auth/sign-out", &headers).await;
    assert_eq!(out, StatusCode::OK);
    let after = status(&rig, Method::GET, "/api/sessions", &headers).await;
    assert_eq!(after, StatusCode::UNAUTHORIZED);

    let made: Value = rig
        .http
        .post("/api/tokens", &json!({"name": " laptop "}))
        .await
        .unwrap();
    assert_eq!(made["token"]["name"], "laptop");
    let bearer = format!("Bearer {}", made["secret"].as_str().unwrap());
    let headers = [("authorization", bearer.as_str())];
    assert_eq!(
        status(&rig, Method::GET, "/api/sessions", &headers).await,
        StatusCode::OK
    );
    let id = made["token"]["id"].as_str().unwrap();
    let listed: Value = rig.http.get("/api/tokens").await.unwrap();
    assert!(listed.to_string().contains(id));
    assert!(
        !listed
            .to_string()
            .contains(made["secret"].as_str().unwrap())
    );
    rig.http.delete(&format!("/api/tokens/{id}")).await.unwrap();
    let after = status(&rig, Method::GET, "/api/sessions", &headers).await;
    assert_eq!(after, StatusCode::UNAUTHORIZED);
    let again = rig
        .http
        .request(Method::DELETE, &format!("/api/tokens/{id}"));
    assert_eq!(
        rig.http.answer(again).await.unwrap().0,
        StatusCode::NOT_FOUND
    );
}

/// Headers of a request, and the status over HTTP and of an upgrade.
type Case<'a> = (&'a [(&'static str, &'a str)], u16, u16);

async fn the_matrix_holds_over_the_wire(rig: Arc<Rig>) {
    let cookie = cookie_for(&rig).await;
    let bearer = format!("Bearer {}", rig.access.token);
    let own = format!("http://{}", rig.addr);
    let evil = [("host", "evil.example"), ("authorization", bearer.as_str())];
    let cases: [Case<'_>; 9] = [
        (&[], 401, 401),
        (&[("authorization", &bearer)], 200, 101),
        (&[("authorization", "Bearer wrong")], 401, 401),
        (
            &[("authorization", "Bearer wrong"), ("cookie", &cookie)],
            401,
            401,
        ),
        (&[("cookie", &cookie)], 200, 403),
        (&[("cookie", &cookie), ("origin", &own)], 200, 101),
        (
            &[("cookie", &cookie), ("origin", "http://localhost:1")],
            403,
            403,
        ),
        (&[("authorization", &bearer), ("origin", "null")], 403, 403),
        (&evil, 421, 421),
    ];
    let worker = format!("/ws/session/{0}/worker/{0}", uuid::Uuid::new_v4());
    for (headers, http, socket) in cases {
        let answer = status(&rig, Method::GET, "/api/sessions", headers).await;
        assert_eq!(answer.as_u16(), http, "{headers:?}");
        for path in ["/ws/app", &worker] {
            let opened = rig.try_socket(path, headers).await.map(|_| 101);
            assert_eq!(
                opened.unwrap_or_else(|refused| refused),
                socket,
                "{path} {headers:?}"
            );
        }
    }
    for site in ["cross-site", "same-site"] {
        let headers = [("cookie", cookie.as_str()), ("sec-fetch-site", site)];
        let changed = status(&rig, Method::POST, "/api/auth/sign-out", &headers).await;
        assert_eq!(changed, StatusCode::FORBIDDEN, "{site}");
    }
    let site = ("sec-fetch-site", "same-origin");
    let twice = [("cookie", cookie.as_str()), site, site];
    let changed = status(&rig, Method::POST, "/api/auth/sign-out", &twice).await;
    assert_eq!(changed, StatusCode::FORBIDDEN, "told twice");
    assert_eq!(
        status(&rig, Method::GET, "/health", &[]).await,
        StatusCode::OK
    );
    assert_eq!(
        status(&rig, Method::GET, "/sessions/x/y", &[]).await,
        StatusCode::OK
    );
    let rebound = status(&rig, Method::GET, "/health", &[("host", "evil.example")]).await;
    assert_eq!(rebound, StatusCode::MISDIRECTED_REQUEST);
}

async fn every_answer_carries_the_security_headers(rig: Arc<Rig>) {
    for (path, stored) in [
        ("/", true),
        ("/api/sessions", false),
        ("/api/nothing", false),
        ("/health", true),
    ] {
        let answer = rig.http.request(Method::GET, path).send().await.unwrap();
        let headers = answer.headers();
        assert!(
            headers["content-security-policy"]
                .to_str()
                .unwrap()
                .contains("frame-ancestors 'none'")
        );
        assert_eq!(headers["x-content-type-options"], "nosniff");
        assert_eq!(headers["referrer-policy"], "no-referrer");
        assert!(headers.contains_key("x-request-id"));
        if !stored {
            assert_eq!(headers["cache-control"], "no-store", "{path}");
        }
    }
}

async fn unsafe_or_taken_addresses_are_refused(rig: Arc<Rig>) {
    let bind = |addr: String, change: fn(&mut ServerConfig)| {
        let mut config = ServerConfig::new(addr.parse().unwrap());
        change(&mut config);
        Server::bind(rig.engine.clone(), config)
    };
    let refused = |bound: Result<Server, BindError>| bound.err().unwrap();
    let taken = refused(bind(rig.addr.to_string(), |_| ()).await);
    assert!(
        matches!(taken, BindError::InUse { addr } if addr == rig.addr),
        "{taken}"
    );
    let open = refused(bind("0.0.0.0:0".to_owned(), |_| ()).await);
    assert!(matches!(open, BindError::Unencrypted { .. }), "{open}");
    assert!(open.to_string().contains("--behind-proxy"));
    let proxied = bind("0.0.0.0:0".to_owned(), |config| config.behind_proxy = true).await;
    assert!(proxied.is_ok());
    let broken = refused(
        bind("127.0.0.1:0".to_owned(), |config| {
            config.allowed_origins = vec!["*".to_owned()]
        })
        .await,
    );
    assert!(matches!(broken, BindError::Invalid { .. }), "{broken}");
    let no_file = refused(
        bind("0.0.0.0:0".to_owned(), |config| {
            config.tls = Some(offshoot_server::TlsFiles {
                certificate: "/nowhere/cert.pem".into(),
                key: "/nowhere/key.pem".into(),
            });
        })
        .await,
    );
    assert!(
        no_file.to_string().contains("/nowhere/cert.pem"),
        "{no_file}"
    );
}

async fn a_slow_or_huge_request_ends(rig: Arc<Rig>) {
    let mut slow = tokio::net::TcpStream::connect(rig.addr).await.unwrap();
    slow.write_all(b"GET /health HTTP/1.1\r\nHost: 127.")
        .await
        .unwrap();
    let mut answer = Vec::new();
    let ended = tokio::time::timeout(crate::rig::PATIENCE, slow.read_to_end(&mut answer)).await;
    assert!(ended.is_ok(), "headers that never end are not waited for");

    let body = json!({"path": "x".repeat(2 * 1024 * 1024)});
    let request = rig
        .http
        .request(Method::POST, "/api/repositories")
        .json(&body);
    let (status, answer) = rig.http.answer(request).await.unwrap();
    assert_eq!(
        (status.as_u16(), &answer["code"]),
        (413, &json!("too-large"))
    );
}
