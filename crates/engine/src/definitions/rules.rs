//! The linter's checks of what reads titles, screens and hooks.

use super::lint::{Report, Step, placeholders, twice};
use super::{Definition, Says, ScreenRule};

/// Checks all rules.
pub(super) fn check(definition: &Definition, report: &mut Report<'_>) {
    titles(definition, report);
    screens(definition, report);
    others(definition, report);
    typing(definition, report);
    answers(definition, report);
    hooks(definition, report);
    let evidence = numbered("titles", definition.titles.iter().map(|rule| &rule.id))
        .chain(numbered(
            "screen",
            definition.screen.iter().map(|rule| &rule.id),
        ))
        .chain(numbered(
            "limits",
            definition.limits.iter().map(|rule| &rule.id),
        ));
    twice(report, evidence);
    let answers = definition.answers.iter().map(|rule| &rule.id);
    twice(report, numbered("answers", answers));
}

fn numbered<'a>(
    table: &'static str,
    ids: impl Iterator<Item = &'a String>,
) -> impl Iterator<Item = (&'static str, usize, &'a str)> {
    ids.enumerate()
        .map(move |(index, id)| (table, index, id.as_str()))
}

/// Checks that a pattern compiles and has the groups that are read from it. Empty ones are none.
fn pattern(report: &mut Report<'_>, path: &[Step<'_>], pattern: &str, groups: &[&str]) {
    if pattern.is_empty() {
        return;
    }
    match regex::Regex::new(pattern) {
        Err(err) => {
            let why = err.to_string();
            let why = why.lines().last().unwrap_or_default();
            let why = why.strip_prefix("error: ").unwrap_or(why);
            let what = format!("{pattern:?} is no pattern: {why}");
            report.add(
                path,
                what,
                "look-around and back references are not known here",
            );
        }
        Ok(compiled) => {
            let missing = |group: &&&str| !compiled.capture_names().flatten().any(|n| n == **group);
            for group in groups.iter().filter(missing) {
                let what = format!("the pattern has no group `{group}`");
                report.add(
                    path,
                    what,
                    &format!("write (?<{group}>…) around what is meant"),
                );
            }
        }
    }
}

fn titles(definition: &Definition, report: &mut Report<'_>) {
    for (index, rule) in definition.titles.iter().enumerate() {
        let path = ["titles".into(), index.into(), "pattern".into()];
        pattern(report, &path, &rule.pattern, &[]);
        if rule.pattern.is_empty() {
            report.add(
                &path,
                "the pattern is empty",
                "an empty one fits every title",
            );
        }
        if rule.kind.is_some() && rule.says != Says::Waiting {
            let path = ["titles".into(), index.into(), "kind".into()];
            report.add(&path, "only a wait has a kind", "remove it, or say waiting");
        }
    }
}

fn screens(definition: &Definition, report: &mut Report<'_>) {
    for (index, rule) in definition.screen.iter().enumerate() {
        let at = |key: &'static str| ["screen".into(), index.into(), key.into()];
        if rule.all.is_empty() && rule.any.is_empty() {
            report.add(
                &at("id"),
                "the rule fits every screen",
                "write all = […] or any = […]",
            );
        }
        match (rule.says == Says::Waiting, rule.kind) {
            (true, None) => {
                let help =
                    "write kind = \"approval\", \"question\", \"plan\", \"auth\" or \"trust\"";
                report.add(&at("says"), "it is not said what is waited for", help);
            }
            (false, Some(_)) => {
                report.add(
                    &at("kind"),
                    "only a wait has a kind",
                    "remove it, or say waiting",
                );
            }
            _ => {}
        }
        if rule.blocker && rule.says != Says::Waiting {
            report.add(
                &at("blocker"),
                "only a wait is a blocker",
                "remove it, or say waiting",
            );
        }
        patterns_of(rule, index, report);
    }
}

fn patterns_of(rule: &ScreenRule, index: usize, report: &mut Report<'_>) {
    let lists = [("all", &rule.all), ("any", &rule.any), ("none", &rule.none)];
    for (key, list) in lists {
        for (nth, text) in list.iter().enumerate() {
            let path = ["screen".into(), index.into(), key.into(), nth.into()];
            pattern(report, &path, text, &[]);
            if text.is_empty() {
                report.add(
                    &path,
                    "the pattern is empty",
                    "remove it: it is found everywhere",
                );
            }
        }
    }
}

fn others(definition: &Definition, report: &mut Report<'_>) {
    for (index, text) in definition.asking.iter().enumerate() {
        if let Err(why) = crate::patterns::check(text) {
            let what = format!("{text:?} is no pattern: {why}");
            report.add(&["asking".into(), index.into()], what, "correct it");
        }
    }
    for (index, rule) in definition.limits.iter().enumerate() {
        let path = ["limits".into(), index.into(), "pattern".into()];
        pattern(report, &path, &rule.pattern, &[]);
    }
    let conversation = &definition.conversation;
    let at = |key: &'static str| ["conversation".into(), key.into()];
    pattern(report, &at("exit"), &conversation.exit, &["id"]);
    pattern(report, &at("unknown"), &conversation.unknown, &[]);
    if let Some(files) = &conversation.files {
        let at = |key: &'static str| ["conversation".into(), "files".into(), key.into()];
        pattern(report, &at("pattern"), &files.pattern, &["id"]);
        pattern(report, &at("cwd"), &files.cwd, &["cwd"]);
        for unknown in placeholders(&files.glob).filter(|found| *found != "{cwd}") {
            let what = format!("{unknown} stands for nothing here");
            report.add(&at("glob"), what, "known are {cwd} and *");
        }
    }
    if let Some(probe) = &definition.probe {
        let path = ["probe".into(), "pattern".into()];
        pattern(report, &path, &probe.pattern, &[]);
        let groups = regex::Regex::new(&probe.pattern).map(|compiled| compiled.captures_len());
        if groups == Ok(1) {
            report.add(
                &path,
                "the pattern has no group",
                "put ( ) around the version",
            );
        }
    }
}

fn typing(definition: &Definition, report: &mut Report<'_>) {
    let typing = &definition.typing;
    pattern(
        report,
        &["typing".into(), "composer".into()],
        &typing.composer,
        &["draft"],
    );
    for (index, text) in typing.placeholders.iter().enumerate() {
        let path = ["typing".into(), "placeholders".into(), index.into()];
        pattern(report, &path, text, &[]);
    }
    let ready = &typing.ready;
    let titles = definition.titles.iter().map(|rule| &rule.id);
    let screens = definition.screen.iter().map(|rule| &rule.id);
    known(report, &["typing", "ready", "title"], &ready.title, titles);
    known(
        report,
        &["typing", "ready", "screen"],
        &ready.screen,
        screens,
    );
    if typing.enter_delay_ms > 5_000 {
        let path = ["typing".into(), "enter-delay-ms".into()];
        report.add(
            &path,
            "Enter comes after more than 5 seconds",
            "300 is enough for most",
        );
    }
}

fn answers(definition: &Definition, report: &mut Report<'_>) {
    for (index, rule) in definition.answers.iter().enumerate() {
        let at = |key: &'static str| ["answers".into(), index.into(), key.into()];
        pattern(report, &at("text"), &rule.text, &["text"]);
        pattern(report, &at("option"), &rule.option, &["key", "label"]);
        pattern(report, &at("command"), &rule.command, &["command"]);
        pattern(report, &at("file"), &rule.file, &["file"]);
        let ids = definition.screen.iter().map(|rule| &rule.id);
        if let Some(id) = &rule.screen
            && !ids.clone().any(|known| known == id)
        {
            report.add(
                &at("screen"),
                format!("no screen rule is called {id:?}"),
                "correct it",
            );
        }
        let answerable = !rule.option.is_empty()
            || !rule.choices.is_empty()
            || !rule.approve.is_empty()
            || !rule.deny.is_empty()
            || rule.free_text;
        if !answerable {
            let help = "write option, choices, approve, deny or free-text";
            report.add(&at("id"), "the rule knows no answer", help);
        }
    }
}

fn known<'a>(
    report: &mut Report<'_>,
    path: &[&str],
    id: &Option<String>,
    mut ids: impl Iterator<Item = &'a String>,
) {
    if let Some(id) = id
        && !ids.any(|known| known == id)
    {
        let path: Vec<Step<'_>> = path.iter().copied().map(Step::from).collect();
        report.add(
            &path,
            format!("no rule is called {id:?}"),
            "write the id of a rule of this file",
        );
    }
}

fn hooks(definition: &Definition, report: &mut Report<'_>) {
    for (index, rule) in definition.hooks.iter().enumerate() {
        let at = |key: &'static str| ["hooks".into(), index.into(), key.into()];
        if rule.event.trim().is_empty() {
            report.add(&at("event"), "the event has no name", "write its name");
        }
        if rule.kind.is_some() && rule.says != Says::Waiting {
            report.add(
                &at("kind"),
                "only a wait has a kind",
                "remove it, or say waiting",
            );
        }
        let earlier = &definition.hooks[..index];
        let hidden = earlier
            .iter()
            .any(|before| before.event == rule.event && before.when.is_empty());
        if hidden {
            let what = format!("an earlier rule takes every {}", rule.event);
            report.add(&at("event"), what, "put rules with conditions first");
        }
    }
}
