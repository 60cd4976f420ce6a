//! Branch names: our rules are git's.

use std::process::Command;

use offshoot_git::valid_branch_name;
use proptest::prelude::*;

/// What git itself says.
fn git_accepts(name: &str) -> bool {
    let verdict = Command::new("git")
        .args(["check-ref-format", "--branch", name])
        .output()
        .unwrap();
    verdict.status.success()
}

#[test]
fn hostile_names_are_refused() {
    let hostile = [
        "",
        "-x",
        "--upload-pack=touch x",
        "--",
        "a..b",
        "a\nb",
        "a b",
        "\u{7f}",
        "a\0b",
        "@",
        "@{",
        "@{-1}",
        "a@{1}",
        "HEAD",
        ".hidden",
        "a/.b",
        "a.lock",
        "a.lock/b",
        "/a",
        "a/",
        "a//b",
        "a.",
        "a~1",
        "a^",
        "a:b",
        "a?",
        "a*",
        "a[b",
        "a\\b",
        "refs/heads/main",
    ];
    for name in hostile {
        assert!(valid_branch_name(name).is_err(), "{name:?}");
    }
    for name in [
        "a",
        "feature/x",
        "a-b",
        "a.b",
        "ünï",
        "a@b",
        "{",
        "a{b}",
        "#1",
        "$(x)",
        "'",
    ] {
        assert_eq!(valid_branch_name(name), Ok(()), "{name:?}");
        assert!(git_accepts(name), "{name:?}");
    }
    assert!(valid_branch_name(&"x".repeat(251)).is_err());
    assert!(valid_branch_name(&"x".repeat(250)).is_ok());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn our_rules_are_gits(name in "([-a@H./{\\\\ ~^:?*\\[\u{1}\u{7f}\u{e9}]|\\.\\.|\\.lock|@\\{|HEAD){1,6}") {
        // `@{` asks git about earlier branches; refused here in any case.
        prop_assume!(!name.contains("@{"));
        prop_assume!(name != "@");
        prop_assert_eq!(valid_branch_name(&name).is_ok(), git_accepts(&name), "{:?}", name);
    }
}
