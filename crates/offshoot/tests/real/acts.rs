//! The acts.

use std::fs;

use offshoot_protocol::explain::EvidencePiece;
use offshoot_protocol::prompt::PromptState;
use offshoot_protocol::request::{Request, RequestOption};
use offshoot_protocol::view::WaitKind;
use offshoot_testkit::agents::{CLAUDE_CODE, CODEX, RealAgent, Trust};
use offshoot_testkit::models::End;
use offshoot_testkit::rig::wait::until;
use regex::Regex;

use crate::actor::Actor;
use crate::facts::Facts;
use crate::watch::now;
use crate::ways::{self, Answered};

/// Promised: a turn that begins is noticed.
const WORKING: f64 = 1.0;
/// Promised: a dialog that is drawn is noticed.
const WAITING: f64 = 1.0;
/// Promised: a turn that is over is noticed.
const IDLE: f64 = 2.0;
/// Promised: an interrupt is noticed.
const INTERRUPT: f64 = 3.0;

/// Gemini heeds no Esc that comes with its first word.
const READING: f64 = 0.8;

/// A prompt or an answer that may go in is in within this.
const DELIVERY: f64 = 10.0;

/// What was used is reported within this.
const REPORT: f64 = 10.0;

/// What is later than this is told as never, in seconds.
pub(crate) const PATIENCE: f64 = 12.0;

/// A prompt that arrives as it is, or not.
const FIRST: &str = "Say \"what\" & 'why':\n\n\tGrüße, 你好 🎉 $HOME `ls`";

/// States in which nothing goes on.
const RESTING: [&str; 2] = ["idle", "errored"];

/// Another, which comes while the first is worked on.
const SECOND: &str = "Then \"this\" & 'that':\n\n  Üben, 再见 🎈 $PATH `pwd`";

/// Plays all acts with an agent.
pub(crate) fn play(agent: RealAgent) {
    let first = format!("{FIRST}\n@@ hold first");
    let Some(mut actor) = Actor::start(agent, Trust::Given, Some(&first)) else {
        return;
    };
    let mut facts = Facts::default();
    first_prompts(&actor, &mut facts);
    hooks(&actor, &mut facts);
    approval(&actor, &mut facts);
    denial(&actor, &mut facts);
    question(&mut actor, &mut facts);
    stream(&actor, &mut facts);
    interrupt(&actor, &mut facts);
    failure(&actor, &mut facts);
    usage(&actor, &mut facts);
    death(&mut actor, &mut facts);
    lost(&mut actor, &mut facts);
    actor.assert_no_footprint();
    drop(actor);
    facts.settle(agent.id);
}

/// Plays the first start in a directory: trust is asked for, given, and no prompt is lost by it.
/// With the session nothing is left of it.
pub(crate) fn begin_untrusted(agent: RealAgent, prompt: Option<&str>) {
    let Some(actor) = Actor::start(agent, Trust::Asked, prompt) else {
        return;
    };
    let mut facts = Facts::default();
    let script = "@@ say well then";
    let queued = actor.queue(script);
    let trust = actor.looks.trust.as_ref().unwrap();
    let request = asks(&actor, &mut facts, "trust", 0.0, &trust.dialog);
    facts.holds("it is about trust", request.kind == Some(WaitKind::Trust));
    let answered = actor.answer(&request, ways::consent(&request));
    let taken = answered == Answered::Typed { taken: true };
    facts.holds("trust: taken", taken);
    if let Some(prompt) = prompt {
        rest(&actor, &mut facts, "first turn", prompt, 1);
    }
    actor.assert_accepted(&queued);
    rest(&actor, &mut facts, "second turn", script, 1);
    facts.holds("a waiting prompt arrives once", actor.n_told(script) == 1);
    let arrived = prompt.is_none_or(|prompt| actor.n_told(prompt) == 1);
    facts.holds("the first prompt arrives once", arrived);
    actor.end_session();
    until("nothing is left of the session", || {
        actor.processes().is_empty().then_some(())
    });
    drop(actor);
    facts.settle(agent.id);
}

/// The prompt given at the start arrives as it is, and so does one that waits until its turn is over.
fn first_prompts(actor: &Actor, facts: &mut Facts) {
    let asked = actor.asked("hold first");
    facts.holds(
        "the first prompt arrives intact",
        asked.prompt.contains(FIRST),
    );
    let working = actor.wait_for_state(&["working"], asked.at);
    facts.time("first turn: working", since(working, asked.at), WORKING);
    let second = actor.queue(&format!("{SECOND}\n@@ say and then"));
    let waits = until("the second prompt says what it waits for", || {
        let now = actor.look_at(&second);
        now.reason.is_some().then_some(now)
    });
    facts.holds(
        "a prompt waits while the agent works",
        waits.state == PromptState::Queued && waits.reason.as_deref() == Some("it works"),
    );
    let released = now();
    actor.model.release("first");
    let said = actor.said("hold first", 1);
    let idle = actor.wait_for_state(&RESTING, said);
    facts.time("first turn: idle", since(idle, said), IDLE);
    actor.assert_accepted(&second);
    facts.time(
        "a waiting prompt: accepted",
        Some(now() - released),
        DELIVERY,
    );
    rest(actor, facts, "second turn", "and then", 1);
    facts.holds("a prompt arrives once, whole", actor.n_told(SECOND) == 1);
}

/// The agent's own hooks told of the turns until now.
fn hooks(actor: &Actor, facts: &mut Facts) {
    let evidence = actor.evidence();
    let told = |piece: &&EvidencePiece| piece.source == "turn-hook";
    let rules: Vec<&str> = evidence
        .iter()
        .filter(told)
        .map(|piece| piece.rule.as_str())
        .collect();
    facts.holds("its hooks tell of its turns", rules.len() >= 3);
    facts.note(&rules.join(", "));
}

/// Agents that report what they used are asked to, and what they report is counted.
fn usage(actor: &Actor, facts: &mut Facts) {
    let (reports, has_price) = match actor.agent {
        CLAUDE_CODE => (true, true),
        CODEX => (true, false),
        _ => return,
    };
    let begin = now();
    let counted = until("what it used is counted", || {
        let used = actor.usage();
        // The server was killed and came back meanwhile.
        (used.requests >= 5 && used.output_tokens > 0).then_some(used)
    });
    facts.time("usage: counted", reports.then(|| now() - begin), REPORT);
    facts.note(&format!("{counted:?}"));
    let priced = counted.cost_micros.is_some_and(|cost| cost > 0);
    facts.holds("usage: its price is known, or not", priced == has_price);
}

/// An approval shows its command; it is given from two devices, and has one effect.
fn approval(actor: &Actor, facts: &mut Facts) {
    let command = "echo granted >> granted.txt";
    let script = format!("@@ shellesc {command} ;; say granted");
    let asked = begin(actor, facts, "approval", &script);
    let request = asks(actor, facts, "approval", asked, &actor.looks.approval);
    let granted = actor.home.work().join("granted.txt");
    facts.holds("nothing runs before the approval", !granted.exists());
    shows(actor, facts, &request, command);
    let yes = request.options.first().unwrap();
    answer(actor, facts, "approval", &request, yes);
    rest(actor, facts, "approved turn", &script, 2);
    let effect = fs::read_to_string(granted).unwrap_or_default();
    facts.holds("what was approved ran, once", effect == "granted\n");
}

/// An approval that is refused has no effect.
fn denial(actor: &Actor, facts: &mut Facts) {
    let command = "echo denied >> denied.txt";
    let script = format!("@@ shellesc {command} ;; say denied");
    let asked = begin(actor, facts, "denial", &script);
    let request = asks(actor, facts, "denial", asked, &actor.looks.approval);
    shows(actor, facts, &request, command);
    let at = now();
    answer(actor, facts, "denial", &request, ways::denial(&request));
    let idle = actor.wait_for_state(&RESTING, at);
    facts.time("denial: idle", since(idle, at), INTERRUPT);
    why_late(actor, facts);
    let denied = actor.home.work().join("denied.txt");
    facts.holds("what was refused did not run", !denied.exists());
}

/// A question outlives the server, and is answered from a page that was open before.
fn question(actor: &mut Actor, facts: &mut Facts) {
    let script = "@@ ask Which colour?|Red|Blue ;; say fine";
    let asked = begin(actor, facts, "question", script);
    let request = asks(actor, facts, "question", asked, &actor.looks.question);
    actor.restart_server();
    let again = actor.request();
    facts.holds("the request is the same after a restart", again == request);
    answer(
        actor,
        facts,
        "question",
        &request,
        ways::option(&request, "Blue"),
    );
    rest(actor, facts, "answered turn", script, 2);
    let result = actor.entry(script).and_then(|entry| entry.result);
    facts.holds(
        "the answer arrives",
        result.is_some_and(|result| result.contains("Blue") && !result.contains("Red")),
    );
}

/// A turn that streams is working from its beginning to its end.
fn stream(actor: &Actor, facts: &mut Facts) {
    let script = "@@ slow 4 finished";
    begin(actor, facts, "stream", script);
    let working = now();
    let said = rest(actor, facts, "stream", script, 1);
    let states = actor.watch.states_since(working);
    let rests = states
        .iter()
        .any(|seen| seen.at < said && RESTING.contains(&seen.what.name.as_str()));
    let rested = f64::from(u8::from(rests));
    facts.time("a turn that streams: rests in it", Some(rested), 0.5);
}

/// Esc in mid-turn ends it at once, for the model too.
fn interrupt(actor: &Actor, facts: &mut Facts) {
    let script = "@@ hold never stop\\ndrop\\n";
    begin(actor, facts, "interrupt", script);
    // Gemini does not heed an Esc that comes before its first word.
    let mut pressed = actor
        .watch
        .wait_for_screen("the answer in mid-turn", now(), |shown| {
            shown
                .rows
                .iter()
                .any(|row| row.contains("drop") && !row.contains("hold"))
        });
    // Gemini does not heed an Esc that comes with its first word.
    until("a person has read it", || {
        (now() > pressed + READING).then_some(())
    });
    for (number, key) in actor.looks.interrupt.iter().enumerate() {
        if number > 0 {
            actor
                .watch
                .wait_for_screen("that it wants Esc again", pressed, |shown| {
                    shown.text().contains("again")
                });
        }
        pressed = actor.type_text(key);
    }
    let next = "@@ say right behind";
    let queued = actor.queue(next);
    let idle = actor.wait_for_state(&RESTING, pressed);
    facts.time("interrupt: idle", since(idle, pressed), INTERRUPT);
    let end = actor.entry(script).and_then(|entry| entry.end);
    facts.holds(
        "the model is not listened to any more",
        end == Some(End::HungUp),
    );
    actor.assert_accepted(&queued);
    rest(actor, facts, "turn after the interrupt", next, 1);
    facts.holds("a prompt right behind Esc arrives", actor.n_told(next) == 1);
}

/// A model that fails ends the turn.
fn failure(actor: &Actor, facts: &mut Facts) {
    let script = "@@ error 400";
    actor.prompt(script);
    let drawn = actor
        .watch
        .wait_for_screen("the failure and rest", now(), |shown| {
            shown.text().contains("Fake failure on") && actor.looks.at_rest(shown)
        });
    let failed = actor.said(script, 1).max(drawn - IDLE);
    let idle = actor.wait_for_state(&RESTING, failed);
    facts.time("failure: idle", since(idle, failed), IDLE);
}

/// `kill -9` is noticed; the conversation goes on where it was.
fn death(actor: &mut Actor, facts: &mut Facts) {
    let killed = actor.kill();
    let exited = actor.wait_for_state(&["exited"], killed);
    facts.time("killed: exited", since(exited, killed), IDLE);
    actor.resume();
    let script = "@@ say as we were saying";
    actor.prompt(script);
    let said = &actor.asked(script).said;
    let remembers = |text: &str| said.iter().any(|said| said.contains(text));
    facts.holds(
        "resumed: it is the same conversation",
        remembers(SECOND) && remembers("slow 4"),
    );
    let ended = actor.said(script, 1);
    let idle = actor.wait_for_state(&RESTING, ended);
    facts.time("resumed turn: idle", since(idle, ended), IDLE);
}

/// A conversation that the agent has lost is not mistaken for another, and its end is explained.
fn lost(actor: &mut Actor, facts: &mut Facts) {
    let before = actor.conversation();
    facts.holds("the conversation is known", before.is_some());
    let id = before.map(|held| held.id).unwrap_or_default();
    actor.kill();
    actor.wait_for_state(&["exited"], now());
    actor.forget_conversations();
    actor.resume();
    let told = until("why it cannot be resumed is told", || {
        actor.conversation().filter(|held| held.problem.is_some())
    });
    facts.holds("a conversation that is lost keeps its id", told.id == id);
    facts.note(&told.problem.unwrap_or_default());
}

/// Gives a prompt; its turn is noticed, and its receipt says so.
/// Returns when the model was asked.
fn begin(actor: &Actor, facts: &mut Facts, what: &str, prompt: &str) -> f64 {
    let queued = actor.queue(prompt);
    let asked = actor.asked(prompt).at;
    let working = actor.wait_for_state(&["working", "waiting"], asked);
    facts.time(&format!("{what}: working"), since(working, asked), WORKING);
    why_late(actor, facts);
    actor.assert_accepted(&queued);
    asked
}

/// Waits for a dialog that comes after a moment, is noticed and read.
fn asks(actor: &Actor, facts: &mut Facts, what: &str, after: f64, dialog: &Regex) -> Request {
    let drawn = actor
        .watch
        .wait_for_screen(what, after, |shown| dialog.is_match(&shown.text()));
    let waiting = actor.wait_for_state(&["waiting"], drawn);
    facts.time(&format!("{what}: waiting"), since(waiting, drawn), WAITING);
    actor.request()
}

/// A request shows the command it is about, as it is.
fn shows(actor: &Actor, facts: &mut Facts, request: &Request, command: &str) {
    let shown = request.command.as_deref();
    facts.holds("the request shows the command", shown == Some(command));
    if shown != Some(command) {
        facts.note(&format!("{request:?}\n{}", actor.watch.screen()));
    }
}

/// Answers; somebody else's answer is refused.
fn answer(actor: &Actor, facts: &mut Facts, what: &str, request: &Request, option: &RequestOption) {
    let begin = now();
    let answered = actor.answer(request, option);
    let taken = answered == Answered::Typed { taken: true };
    facts.time(
        &format!("{what}: taken"),
        taken.then(|| now() - begin),
        DELIVERY,
    );
    let again = actor.answer(request, option);
    let refused = Answered::Refused {
        status: 409,
        code: "already-answered".to_owned(),
    };
    facts.holds(
        &format!("{what}: a second answer is refused"),
        again == refused,
    );
    if again != refused {
        facts.note(&format!("{answered:?}, then {again:?}"));
    }
}

/// Waits for a turn to end, which is noticed; returns when the model said its last word.
fn rest(actor: &Actor, facts: &mut Facts, what: &str, script: &str, requests: usize) -> f64 {
    let said = actor.said(script, requests);
    let idle = actor.wait_for_state(&RESTING, said);
    facts.time(&format!("{what}: idle"), since(idle, said), IDLE);
    why_late(actor, facts);
    said
}

/// Notes the evidence for what was late.
fn why_late(actor: &Actor, facts: &mut Facts) {
    if facts.last_is_broken() {
        facts.note(&actor.why());
    }
}

fn since(then: Option<f64>, before: f64) -> Option<f64> {
    then.map(|then| then - before)
}
