//! The acts.

use offshoot_testkit::agents::RealAgent;
use offshoot_testkit::models::End;
use offshoot_testkit::rig::wait::until;

use crate::actor::Actor;
use crate::facts::Facts;
use crate::watch::now;

/// Promised: a turn that begins is noticed.
const WORKING: f64 = 1.0;
/// Promised: a dialog that is drawn is noticed.
const WAITING: f64 = 1.0;
/// Promised: a turn that is over is noticed.
const IDLE: f64 = 2.0;
/// Promised: an interrupt is noticed.
const INTERRUPT: f64 = 3.0;

/// A person answers no dialog sooner. Claude Code ignores keys that come with its dialog.
const READING: f64 = 0.8;

/// What is later than this is told as never, in seconds.
pub(crate) const PATIENCE: f64 = 12.0;

/// A prompt that arrives as it is, or not.
const FIRST: &str = "Say \"what\" & 'why':\n\n\tGrüße, 你好 🎉 $HOME `ls`";

/// States in which nothing goes on.
const RESTING: [&str; 2] = ["idle", "errored"];
const ASKING: [&str; 2] = ["waiting", "asking"];

/// Plays all acts with an agent.
pub(crate) fn play(agent: RealAgent) {
    let Some(mut actor) = Actor::start(agent, &format!("{FIRST}\n@@ hold first")) else {
        return;
    };
    let mut facts = Facts::default();
    first_prompt(&actor, &mut facts);
    approval(&actor, &mut facts);
    question(&actor, &mut facts);
    stream(&actor, &mut facts);
    interrupt(&actor, &mut facts);
    failure(&actor, &mut facts);
    death(&mut actor, &mut facts);
    actor.assert_no_footprint();
    if !actor.is_known {
        facts.only_note_times();
    }
    drop(actor);
    facts.settle(agent.id);
}

/// The prompt given at the start arrives as it is; the turn and its end are noticed.
fn first_prompt(actor: &Actor, facts: &mut Facts) {
    let asked = actor.asked("hold first");
    facts.holds(
        "the first prompt arrives intact",
        asked.prompt.contains(FIRST),
    );
    let working = actor.wait_for_state(&["working"], asked.at);
    facts.time("first turn: working", since(working, asked.at), WORKING);
    over(actor, facts, "first turn", "hold first", 1, || {
        actor.model.release("first")
    });
}

/// An approval is noticed and given, once.
fn approval(actor: &Actor, facts: &mut Facts) {
    let script = "@@ shellesc touch granted.txt ;; say granted";
    begin(actor, facts, "approval", script);
    let drawn = actor.watch.wait_for_screen("the approval", now(), |shown| {
        actor.looks.approval.is_match(&shown.text())
    });
    waiting(actor, facts, "approval", drawn);
    let granted = actor.home.work().join("granted.txt");
    facts.holds("nothing runs before the approval", !granted.exists());
    over(actor, facts, "approved turn", script, 2, || {
        actor.type_text(actor.looks.approve);
    });
    facts.holds("what was approved ran", granted.exists());
}

/// A question is noticed and answered.
fn question(actor: &Actor, facts: &mut Facts) {
    let script = "@@ ask Which colour?|Red|Blue ;; say fine";
    begin(actor, facts, "question", script);
    let drawn = actor.watch.wait_for_screen("the question", now(), |shown| {
        actor.looks.question.is_match(&shown.text())
    });
    waiting(actor, facts, "question", drawn);
    over(actor, facts, "answered turn", script, 2, || {
        actor.type_text("\r");
    });
    let answer = actor.entry(script).and_then(|entry| entry.result);
    facts.holds(
        "the answer arrives",
        answer.is_some_and(|answer| answer.contains("Red")),
    );
}

/// A turn that streams is working from its beginning to its end.
fn stream(actor: &Actor, facts: &mut Facts) {
    let script = "@@ slow 4 finished";
    begin(actor, facts, "stream", script);
    let working = now();
    let said = over(actor, facts, "stream", script, 1, || ());
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
    let idle = actor.wait_for_state(&RESTING, pressed);
    facts.time("interrupt: idle", since(idle, pressed), INTERRUPT);
    // A key that comes with Esc would be taken for one with Alt.
    actor
        .watch
        .wait_for_screen("rest", pressed, |shown| actor.looks.at_rest(shown));
    let end = actor.entry(script).and_then(|entry| entry.end);
    facts.holds(
        "the model is not listened to any more",
        end == Some(End::HungUp),
    );
    // What was given back to the composer would be part of the next prompt.
    actor.type_text("\x15");
}

/// A model that fails ends the turn.
fn failure(actor: &Actor, facts: &mut Facts) {
    let script = "@@ error 400";
    begin(actor, facts, "failure", script);
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
    let ready = actor.ready();
    facts.time("resumed: idle when ready", ready.map(|_| 0.0), PATIENCE);
    let script = "@@ say as we were saying";
    actor.prompt(script);
    let said = &actor.asked(script).said;
    let remembers = |text: &str| said.iter().any(|said| said.contains(text));
    facts.holds(
        "resumed: it is the same conversation",
        remembers("hold first") && remembers("slow 4"),
    );
    let ended = actor.said(script, 1);
    let idle = actor.wait_for_state(&RESTING, ended);
    facts.time("resumed turn: idle", since(idle, ended), IDLE);
}

/// Gives a prompt; its turn is noticed.
fn begin(actor: &Actor, facts: &mut Facts, what: &str, prompt: &str) {
    let pressed = actor.prompt(prompt);
    let working = actor.wait_for_state(&["working", ASKING[0], ASKING[1]], pressed);
    facts.time(
        &format!("{what}: working"),
        since(working, pressed),
        WORKING,
    );
}

/// A dialog that is drawn is noticed.
fn waiting(actor: &Actor, facts: &mut Facts, what: &str, drawn: f64) {
    let waiting = actor.wait_for_state(&ASKING, drawn);
    facts.time(&format!("{what}: waiting"), since(waiting, drawn), WAITING);
    until("a person has read it", || {
        (now() > drawn + READING).then_some(())
    });
}

/// Lets a turn go on to its end, which is noticed; returns when the model said its last word.
fn over(
    actor: &Actor,
    facts: &mut Facts,
    what: &str,
    script: &str,
    requests: usize,
    go_on: impl FnOnce(),
) -> f64 {
    go_on();
    let said = actor.said(script, requests);
    let idle = actor.wait_for_state(&RESTING, said);
    facts.time(&format!("{what}: idle"), since(idle, said), IDLE);
    actor
        .watch
        .wait_for_screen("rest", said, |shown| actor.looks.at_rest(shown));
    said
}

fn since(then: Option<f64>, before: f64) -> Option<f64> {
    then.map(|then| then - before)
}
