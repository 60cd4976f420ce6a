//! Sessions in fresh worktrees of real repositories.

use std::path::Path;
use std::process::Command;

use libtest_mimic::Trial;
use offshoot_engine::{Engine, EngineError, Event};
use offshoot_protocol::RepositoryId;
use offshoot_protocol::rest::{PatchRepository, Place, StartSession, WorktreeFate};
use offshoot_protocol::view::SessionKind;
use offshoot_protocol::worktree::{CreateWorktree, WorktreeMode};

use crate::fixture::{Spot, first_worker, request, trial, wait_output};

pub fn trials() -> Vec<Trial> {
    vec![
        trial(
            "a_session_starts_in_a_fresh_worktree",
            a_session_starts_in_a_fresh_worktree,
        ),
        trial(
            "a_failed_start_takes_the_worktree_back",
            a_failed_start_takes_the_worktree_back,
        ),
        trial(
            "branches_that_cannot_be_are_refused",
            branches_that_cannot_be_are_refused,
        ),
        trial(
            "a_dirty_worktree_is_not_removed",
            a_dirty_worktree_is_not_removed,
        ),
        trial(
            "sessions_started_at_once_share_a_new_repository",
            sessions_started_at_once_share_a_new_repository,
        ),
        trial(
            "a_prompt_is_one_unchanged_argument",
            a_prompt_is_one_unchanged_argument,
        ),
        trial(
            "a_creation_that_is_cancelled_leaves_nothing",
            a_creation_that_is_cancelled_leaves_nothing,
        ),
        trial(
            "a_lost_number_is_read_from_the_directory",
            a_lost_number_is_read_from_the_directory,
        ),
    ]
}

fn git(dir: &Path, arguments: &[&str]) -> String {
    let mut command = Command::new("git");
    command.args(["-c", "user.name=t", "-c", "user.email=t@example.com"]);
    let output = command.args(arguments).current_dir(dir).output().unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap()
}

fn repository(spot: &Spot) {
    git(&spot.work(), &["init", "-q", "-b", "main"]);
    std::fs::write(spot.work().join("file"), "content\n").unwrap();
    git(&spot.work(), &["add", "."]);
    git(&spot.work(), &["commit", "-q", "-m", "first"]);
}

fn on_new_branch(spot: &Spot, command: &str, branch: Option<&str>) -> StartSession {
    let branch = branch.map(str::to_owned);
    let place = Place::NewBranch { branch, base: None };
    StartSession {
        place,
        ..request(&spot.work(), command)
    }
}

async fn a_session_starts_in_a_fresh_worktree() {
    let spot = Spot::new();
    repository(&spot);
    let engine = spot.engine().await;
    let mut request = on_new_branch(&spot, "sh -c 'cat file; cat'", None);
    request.title = Some("Fix the cart".to_owned());
    let session = engine.start_session(request.clone()).await.unwrap();
    assert_eq!(session.kind, SessionKind::Worktree);
    assert_eq!(session.worktree_id.as_deref(), Some("fix-the-cart"));
    assert_eq!(session.is_main_worktree, Some(false));
    wait_output(&first_worker(&engine, &session), "content").await;
    let second = engine.start_session(request).await.unwrap();
    assert_eq!(second.worktree_id.as_deref(), Some("fix-the-cart-2"));
    assert_eq!(engine.repositories().len(), 1, "registered once");
    let worktrees = engine
        .worktrees(session.repository_id.unwrap())
        .await
        .unwrap();
    let indexes: Vec<_> = worktrees.iter().map(|worktree| worktree.index).collect();
    assert_eq!(indexes, [None, Some(1), Some(2)]);
    for session in [session, second] {
        engine
            .delete_session(session.id, WorktreeFate::Remove)
            .await
            .unwrap();
        assert!(!Path::new(&session.location_path).exists());
    }
    assert_eq!(git(&spot.work(), &["worktree", "list"]).lines().count(), 1);
}

async fn a_failed_start_takes_the_worktree_back() {
    let spot = Spot::new();
    repository(&spot);
    let engine = spot.engine().await;
    let failed = engine
        .start_session(on_new_branch(&spot, "no-such-program", Some("b")))
        .await;
    assert!(
        matches!(failed, Err(EngineError::StartFailed(_))),
        "{failed:?}"
    );
    assert_eq!(git(&spot.work(), &["worktree", "list"]).lines().count(), 1);
    assert_eq!(git(&spot.work(), &["branch"]).lines().count(), 1);
}

async fn branches_that_cannot_be_are_refused() {
    let spot = Spot::new();
    repository(&spot);
    let engine = spot.engine().await;
    for name in [
        "-x",
        "a..b",
        "--upload-pack=touch x",
        "a b",
        "a\nb",
        "x.lock",
        "@{",
    ] {
        let refused = engine
            .start_session(on_new_branch(&spot, "cat", Some(name)))
            .await;
        assert!(
            matches!(refused, Err(EngineError::InvalidBranch(_))),
            "{name:?}: {refused:?}"
        );
    }
    let refused = engine
        .start_session(on_new_branch(&spot, "cat", Some("main")))
        .await;
    assert!(
        matches!(refused, Err(EngineError::BranchExists(_))),
        "{refused:?}"
    );
    let mut request = on_new_branch(&spot, "cat", Some("b"));
    request.place = Place::NewBranch {
        branch: Some("b".to_owned()),
        base: Some("nope".to_owned()),
    };
    let refused = engine.start_session(request.clone()).await;
    assert!(
        matches!(refused, Err(EngineError::BranchNotFound(_))),
        "{refused:?}"
    );
    request.place = Place::ExistingBranch {
        branch: "nope".to_owned(),
    };
    let refused = engine.start_session(request).await;
    assert!(
        matches!(refused, Err(EngineError::BranchNotFound(_))),
        "{refused:?}"
    );
    assert!(engine.sessions().is_empty());
}

async fn a_dirty_worktree_is_not_removed() {
    let spot = Spot::new();
    repository(&spot);
    let engine = spot.engine().await;
    let session = engine
        .start_session(on_new_branch(&spot, "cat", Some("b")))
        .await
        .unwrap();
    std::fs::write(Path::new(&session.location_path).join("new"), "work").unwrap();
    let refused = engine
        .delete_session(session.id, WorktreeFate::Remove)
        .await;
    assert!(
        matches!(refused, Err(EngineError::WorktreeDirty(_))),
        "{refused:?}"
    );
    assert!(
        first_worker(&engine, &session).head().is_alive(),
        "nothing was done"
    );
    engine
        .delete_session(session.id, WorktreeFate::Discard)
        .await
        .unwrap();
    assert!(!Path::new(&session.location_path).exists());
}

async fn a_prompt_is_one_unchanged_argument() {
    let spot = Spot::new();
    repository(&spot);
    let engine = spot.engine().await;
    let prompt = "fix \"it\" $HOME `x` 'q' \\ é\nsecond line; rm -rf /";
    let file = spot.work().join("prompt");
    let script = spot.work().join("agent");
    std::fs::write(
        &script,
        format!(
            "#!/bin/sh\nprintf %s \"$1\" > {0}.part; mv {0}.part {0}; echo $#; exec cat\n",
            file.display()
        ),
    )
    .unwrap();
    std::fs::set_permissions(&script, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let mut request = on_new_branch(&spot, &format!("{} {{{{prompt}}}}", script.display()), None);
    request.prompt = Some(prompt.to_owned());
    let session = engine.start_session(request).await.unwrap();
    wait_output(&first_worker(&engine, &session), "1\r\n").await;
    assert_eq!(std::fs::read_to_string(file).unwrap(), prompt);
    assert_eq!(
        session.title.as_deref(),
        Some("fix \"it\" $HOME `x` 'q' \\ é")
    );
    engine
        .delete_session(session.id, WorktreeFate::Discard)
        .await
        .unwrap();
}

async fn sessions_started_at_once_share_a_new_repository() {
    let spot = Spot::new();
    repository(&spot);
    let engine = spot.engine().await;
    let begin = |branch| engine.start_session(on_new_branch(&spot, "cat", Some(branch)));
    let (one, two, three) = tokio::join!(begin("one"), begin("two"), begin("three"));
    let started = [one.unwrap(), two.unwrap(), three.unwrap()];
    let [repository] = &engine.repositories()[..] else {
        panic!("one repository: {:?}", engine.repositories())
    };
    for session in started {
        assert_eq!(session.repository_id, Some(repository.id));
        engine
            .delete_session(session.id, WorktreeFate::Discard)
            .await
            .unwrap();
    }
}

async fn registered(spot: &Spot, engine: &Engine, setup: &str) -> RepositoryId {
    repository(spot);
    let path = spot.work();
    let registered = engine.register_repository(path.to_str().unwrap()).await;
    let id = registered.unwrap().id;
    let change = PatchRepository {
        setup_command: Some(Some(setup.to_owned())),
        ..PatchRepository::default()
    };
    engine.patch_repository(id, change).await.unwrap();
    id
}

fn custom(task: &str, branch: &str) -> CreateWorktree {
    CreateWorktree {
        task_id: task.to_owned(),
        mode: WorktreeMode::Custom {
            branch: branch.to_owned(),
            base_branch: None,
            use_remote: false,
        },
        auto_start_session: false,
        agent_id: None,
        initial_prompt: None,
        title: None,
    }
}

async fn a_creation_that_is_cancelled_leaves_nothing() {
    let spot = Spot::new();
    let engine = spot.engine().await;
    let id = registered(&spot, &engine, "echo begun; setsid sleep 1000 & sleep 1000").await;
    let mut events = engine.subscribe().events;
    let job = engine.create_worktree(id, custom("t", "b")).await.unwrap();
    loop {
        match events.next().await.unwrap().event {
            Event::JobUpdated(told)
                if told
                    .progress
                    .as_ref()
                    .is_some_and(|now| now.step == "Setup: begun") =>
            {
                break;
            }
            Event::WorktreeCreated(_) | Event::WorktreeCreationFailed { .. } => panic!("too soon"),
            _ => {}
        }
    }
    assert_eq!(engine.worktrees(id).await.unwrap().len(), 2);
    engine.cancel_job(job).await.unwrap();
    loop {
        match events.next().await.unwrap().event {
            Event::WorktreeCreationFailed { task_id, .. } => break assert_eq!(task_id, "t"),
            Event::WorktreeCreated(_) => panic!("it was cancelled"),
            _ => {}
        }
    }
    assert_eq!(engine.worktrees(id).await.unwrap().len(), 1);
    assert_eq!(git(&spot.work(), &["branch", "--list", "b"]), "");
    let marked = format!("OFFSHOOT_JOB_ID={job}");
    for entry in std::fs::read_dir("/proc").into_iter().flatten().flatten() {
        let environment = std::fs::read(entry.path().join("environ")).unwrap_or_default();
        let environment = String::from_utf8_lossy(&environment);
        assert!(
            !environment.contains(&marked),
            "{} lives",
            entry.path().display()
        );
    }
    engine.shutdown().await;
}

async fn a_lost_number_is_read_from_the_directory() {
    let spot = Spot::new();
    let engine = spot.engine().await;
    let id = registered(&spot, &engine, "true").await;
    let path = spot.home().join("worktrees/work/wt-007-k2f9");
    git(
        &spot.work(),
        &["worktree", "add", "-q", "-b", "x", path.to_str().unwrap()],
    );
    for _ in 0..2 {
        let listed = engine.worktrees(id).await.unwrap();
        assert_eq!(listed[1].index, Some(7), "{listed:?}");
    }
    engine.shutdown().await;
}
