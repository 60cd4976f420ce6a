//! The guard in front of every route: collects the facts, asks the policy, marks the answer.
//!
//! Host and page are judged before the credential is looked up, so that a stranger's request costs
//! no database access. Every answer leaves with the security headers.

use std::net::IpAddr;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Method, header};

use super::{Access, Credential, Facts, Policy, Refusal};
use crate::assets::set_security_headers;
use crate::problem::ApiError;
use crate::state::App;

const FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

/// Cookies of our name that are tried; each costs a look into the database.
const COOKIES_TRIED: usize = 4;

/// The address of the other end of a connection; put into every request by the listener.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Peer(pub(crate) IpAddr);

/// Lets a request through or answers it with the reason.
pub(crate) async fn guard(State(app): State<App>, request: Request, next: Next) -> Response {
    let access = access_of(request.method(), request.uri().path(), request.headers());
    let is_api = access != Access::Public || request.uri().path().starts_with("/api");
    let (parts, body) = request.into_parts();
    let mut response = match admit(&app, &parts, access).await {
        Ok(()) => next.run(Request::from_parts(parts, body)).await,
        Err(refusal) => {
            tracing::debug!(?refusal, "refused");
            let (code, detail) = refusal.words();
            ApiError::new(code, detail).into_response()
        }
    };
    let headers = response.headers_mut();
    set_security_headers(headers);
    if is_api {
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
    response
}

async fn admit(app: &App, request: &Parts, access: Access) -> Result<(), Refusal> {
    let headers = &request.headers;
    let facts = Facts {
        method: &request.method,
        access,
        host: host_of(request),
        origin: only(headers, &header::ORIGIN),
        fetch_site: only(headers, &FETCH_SITE),
        forwarded_scheme: forwarded_scheme(app, headers),
    };
    // A header that is there twice, or is no text, says nothing; it must not pass for an absent one.
    for (name, value) in [
        (&header::ORIGIN, facts.origin),
        (&FETCH_SITE, facts.fetch_site),
    ] {
        if headers.contains_key(name) && value.is_none() {
            return Err(Refusal::Origin);
        }
    }
    app.policy.judge_page(&facts)?;
    if access == Access::Public {
        return Ok(());
    }
    let credential = credential_of(app, headers).await;
    Policy::judge_credential(&facts, credential)
}

/// Tells what a request needs. Whatever is not listed as public is protected.
fn access_of(method: &Method, path: &str, headers: &HeaderMap) -> Access {
    let is_below = |root: &str| {
        path.strip_prefix(root)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    let is_upgrade = headers
        .get(header::UPGRADE)
        .is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"websocket"));
    if is_below("/ws") || is_upgrade {
        return Access::Socket;
    }
    let is_post_to = |allowed: fn(&str) -> bool| *method == Method::POST && allowed(path);
    let is_sign_in = is_post_to(|path| path == "/api/auth/sign-in");
    // Agents bring the token of their worker, which the handler checks.
    let is_report = is_post_to(|path| {
        let what = path
            .strip_prefix("/api/workers/")
            .and_then(|rest| rest.split_once('/'));
        what.is_some_and(|(_, what)| matches!(what, "usage" | "hooks"))
    });
    match is_below("/api") {
        true if is_sign_in || is_report => Access::Public,
        true => Access::Protected,
        false => Access::Public,
    }
}

/// Returns the host a request is for; `None` when its parts contradict each other.
fn host_of(request: &Parts) -> Option<&str> {
    let named = request.headers.get_all(header::HOST).iter().count();
    let host = only(&request.headers, &header::HOST);
    let authority = request.uri.authority().map(http::uri::Authority::as_str);
    match (authority, host) {
        (Some(authority), Some(host)) => (authority == host).then_some(host),
        (Some(authority), None) => (named == 0).then_some(authority),
        (None, host) => host,
    }
}

/// Returns a header that occurs once and is text.
fn only<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    let mut values = headers.get_all(name).iter();
    let value = values.next()?;
    values
        .next()
        .is_none()
        .then(|| value.to_str().ok())
        .flatten()
}

/// Returns the scheme the browser used, as a believed proxy reports it.
pub(crate) fn forwarded_scheme<'a>(app: &App, headers: &'a HeaderMap) -> Option<&'a str> {
    only(headers, &FORWARDED_PROTO).filter(|_| app.behind_proxy)
}

/// Returns the address of the client: the connection's, or what a believed proxy added last.
pub(crate) fn client_address(app: &App, headers: &HeaderMap, peer: Peer) -> IpAddr {
    let last = headers.get_all(FORWARDED_FOR).iter().next_back();
    let forwarded = last
        .and_then(|value| value.to_str().ok()?.rsplit(',').next()?.trim().parse().ok())
        .filter(|_| app.behind_proxy);
    forwarded.unwrap_or(peer.0)
}

/// Returns the name of the sign-in cookie. The prefix makes browsers refuse it from plain pages
/// and from other hosts.
pub(crate) fn cookie_name(app: &App, headers: &HeaderMap) -> &'static str {
    match app.policy.is_secure(forwarded_scheme(app, headers)) {
        true => "__Host-offshoot",
        false => "offshoot",
    }
}

/// Returns the secrets in the sign-in cookies, the first [`COOKIES_TRIED`]. There may be more than
/// one: cookies know no ports, so that a page of another port of the same host can set one of our
/// name, and one with a longer path comes first.
pub(crate) fn cookies<'a>(app: &App, headers: &'a HeaderMap) -> impl Iterator<Item = &'a str> {
    let wanted = cookie_name(app, headers);
    let lines = headers.get_all(header::COOKIE).iter();
    lines
        .filter_map(|line| line.to_str().ok())
        .flat_map(|line| line.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .filter(move |(name, _)| *name == wanted)
        .map(|(_, value)| value)
        .take(COOKIES_TRIED)
}

/// Returns the secret in the sign-in cookie that is valid.
pub(crate) async fn valid_cookie<'a>(app: &App, headers: &'a HeaderMap) -> Option<&'a str> {
    for secret in cookies(app, headers) {
        if app.engine.credentials().check_sign_in(secret).await {
            return Some(secret);
        }
    }
    None
}

/// Returns the bearer token of a request.
pub(crate) fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = only(headers, &header::AUTHORIZATION)?;
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

async fn credential_of(app: &App, headers: &HeaderMap) -> Credential {
    let credentials = app.engine.credentials();
    if headers.contains_key(header::AUTHORIZATION) {
        return match bearer(headers) {
            Some(token) if credentials.check_token(token).await => Credential::Token,
            _ => Credential::Invalid,
        };
    }
    match valid_cookie(app, headers).await {
        Some(_) => Credential::Cookie,
        None if cookies(app, headers).next().is_some() => Credential::Invalid,
        None => Credential::Absent,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_but_the_listed_paths_is_protected() {
        let none = HeaderMap::new();
        for (method, path, access) in [
            (Method::GET, "/", Access::Public),
            (Method::GET, "/sessions/x", Access::Public),
            (Method::GET, "/health", Access::Public),
            (Method::GET, "/apix", Access::Public),
            (Method::POST, "/api/auth/sign-in", Access::Public),
            (Method::GET, "/api/auth/sign-in", Access::Protected),
            (Method::POST, "/api/workers/x/usage", Access::Public),
            (Method::POST, "/api/workers/x/hooks", Access::Public),
            (Method::GET, "/api/workers/x/hooks", Access::Protected),
            (Method::POST, "/api/workers/x/y/hooks", Access::Protected),
            (Method::GET, "/api", Access::Protected),
            (Method::GET, "/api/", Access::Protected),
            (Method::GET, "/api/openapi.json", Access::Protected),
            (Method::OPTIONS, "/api/sessions", Access::Protected),
            (Method::GET, "/ws/app", Access::Socket),
            (Method::GET, "/ws", Access::Socket),
        ] {
            assert_eq!(access_of(&method, path, &none), access, "{method} {path}");
        }
        let upgrade =
            HeaderMap::from_iter([(header::UPGRADE, HeaderValue::from_static("WebSocket"))]);
        assert_eq!(access_of(&Method::GET, "/", &upgrade), Access::Socket);
    }

    #[test]
    fn a_request_for_two_hosts_is_for_none() {
        let request = |uri: &str, hosts: &[&str]| {
            let mut request = Request::new(axum::body::Body::empty());
            *request.uri_mut() = uri.parse().expect("a target");
            for host in hosts {
                let value = host.parse().expect("a host");
                request.headers_mut().append(header::HOST, value);
            }
            request.into_parts().0
        };
        for (uri, hosts, expected) in [
            ("/", &["a"][..], Some("a")),
            ("/", &["a", "b"], None),
            ("/", &["a", "a"], None),
            ("/", &[], None),
            ("http://a/", &[], Some("a")),
            ("http://a/", &["a"], Some("a")),
            ("http://evil/", &["a"], None),
            ("http://a/", &["a", "a"], None),
        ] {
            assert_eq!(host_of(&request(uri, hosts)), expected, "{uri} {hosts:?}");
        }
    }
}
