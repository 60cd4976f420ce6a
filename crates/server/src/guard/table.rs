//! The whole matrix of the guard: host × page × credential × method × kind of request.

use http::Method;

use super::*;

#[derive(Clone, Copy, PartialEq)]
enum Page {
    Good,
    Bad,
    Silent,
}

fn policy(change: impl FnOnce(&mut ServerConfig)) -> Policy {
    let mut config = ServerConfig::new("127.0.0.1:7171".parse().expect("an address"));
    config.allowed_hosts = vec!["shoot.example".to_owned(), "port.example:8443".to_owned()];
    config.allowed_origins = vec!["https://dash.example".to_owned()];
    change(&mut config);
    Policy::new(&config).expect("a policy")
}

fn decide(policy: &Policy, facts: &Facts<'_>, credential: Credential) -> Result<(), Refusal> {
    policy.judge_page(facts)?;
    Policy::judge_credential(facts, credential)
}

/// Says what must happen, in the words of the requirement rather than of the code.
fn expected(
    host_ok: bool,
    page: Page,
    site_ok: bool,
    method: &Method,
    access: Access,
    credential: Credential,
) -> Result<(), Refusal> {
    let changes = access == Access::Socket || !matches!(method.as_str(), "GET" | "HEAD");
    if !host_ok {
        Err(Refusal::Host)
    } else if page == Page::Bad || (changes && !site_ok) {
        Err(Refusal::Origin)
    } else if access == Access::Public || credential == Credential::Token {
        Ok(())
    } else if credential == Credential::Absent {
        Err(Refusal::NoCredential)
    } else if credential == Credential::Invalid {
        Err(Refusal::BadCredential)
    } else if access == Access::Socket && page == Page::Silent {
        Err(Refusal::NoOrigin)
    } else {
        Ok(())
    }
}

#[test]
fn every_combination_is_decided_as_required() {
    let hosts = [
        (Some("127.0.0.1:7171"), true),
        (Some("localhost:7171"), true),
        (Some("[::1]:7171"), true),
        (Some("shoot.example:9000"), true),
        (Some("port.example:8443"), true),
        (Some("port.example:1"), false),
        (Some("evil.example"), false),
        (Some("127.evil.example:7171"), false),
        (Some("192.168.1.5:7171"), false),
        (None, false),
    ];
    let sites = [
        (None, true),
        (Some("same-origin"), true),
        (Some("none"), true),
        (Some("same-site"), false),
        (Some("cross-site"), false),
    ];
    let methods = [
        Method::GET,
        Method::HEAD,
        Method::POST,
        Method::PATCH,
        Method::DELETE,
    ];
    let credentials = [
        Credential::Absent,
        Credential::Invalid,
        Credential::Cookie,
        Credential::Token,
    ];
    let policy = policy(|_| ());
    let mut n_cases = 0;
    for (host, host_ok) in hosts {
        let own = format!("http://{}", host.unwrap_or("localhost"));
        let pages = [
            (None, Page::Silent),
            (Some(own.as_str()), Page::Good),
            (Some("null"), Page::Bad),
            (Some("http://localhost:3000"), Page::Bad),
            (Some("https://evil.example"), Page::Bad),
        ];
        for (origin, page) in pages {
            for (fetch_site, site_ok) in sites {
                for method in &methods {
                    for access in [Access::Public, Access::Protected, Access::Socket] {
                        if access == Access::Socket && *method != Method::GET {
                            continue;
                        }
                        for credential in credentials {
                            let forwarded_scheme = None;
                            let facts = Facts {
                                method,
                                access,
                                host,
                                origin,
                                fetch_site,
                                forwarded_scheme,
                            };
                            let wanted =
                                expected(host_ok, page, site_ok, method, access, credential);
                            assert_eq!(
                                decide(&policy, &facts, credential),
                                wanted,
                                "{facts:?} {credential:?}"
                            );
                            n_cases += 1;
                        }
                    }
                }
            }
        }
    }
    assert_eq!(n_cases, 10 * 5 * 5 * 11 * 4);
}

fn page(host: &'static str, origin: &'static str) -> Facts<'static> {
    Facts {
        method: &Method::POST,
        access: Access::Protected,
        host: Some(host),
        origin: Some(origin),
        fetch_site: None,
        forwarded_scheme: None,
    }
}

#[test]
fn a_configured_origin_may_be_another_site() {
    let mut facts = page("127.0.0.1:7171", "https://dash.example");
    facts.fetch_site = Some("cross-site");
    assert_eq!(policy(|_| ()).judge_page(&facts), Ok(()));
    facts.origin = Some("http://dash.example");
    assert_eq!(policy(|_| ()).judge_page(&facts), Err(Refusal::Origin));
}

#[test]
fn development_believes_loopback_pages_only() {
    let dev = policy(|config| config.dev = true);
    let mut facts = page("localhost:7171", "http://localhost:5173");
    facts.fetch_site = Some("same-site");
    assert_eq!(dev.judge_page(&facts), Ok(()));
    facts.origin = Some("http://evil.example:5173");
    assert_eq!(dev.judge_page(&facts), Err(Refusal::Origin));
}

#[test]
fn tls_pages_are_https_pages() {
    let tls = policy(|config| {
        config.tls = Some(crate::TlsFiles {
            certificate: "c".into(),
            key: "k".into(),
        });
    });
    assert_eq!(
        tls.judge_page(&page("shoot.example", "https://shoot.example")),
        Ok(())
    );
    let plain = page("shoot.example", "http://shoot.example");
    assert_eq!(tls.judge_page(&plain), Err(Refusal::Origin));
    assert!(tls.is_secure(None));
}

#[test]
fn behind_a_proxy_its_scheme_is_believed() {
    let proxied = policy(|config| config.behind_proxy = true);
    for (forwarded_scheme, origin, allowed) in [
        (Some("https"), "https://shoot.example", true),
        (Some("https"), "http://shoot.example", false),
        (Some("http"), "http://shoot.example", true),
        (None, "https://shoot.example", true),
        (Some("gopher"), "https://shoot.example", false),
    ] {
        let mut facts = page("shoot.example", origin);
        facts.forwarded_scheme = forwarded_scheme;
        assert_eq!(proxied.judge_page(&facts).is_ok(), allowed, "{facts:?}");
    }
    let direct = policy(|_| ());
    let mut forged = page("shoot.example", "https://shoot.example");
    forged.forwarded_scheme = Some("https");
    assert_eq!(direct.judge_page(&forged), Err(Refusal::Origin));
}
