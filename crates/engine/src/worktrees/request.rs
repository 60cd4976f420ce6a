//! What a client asks for when it wants a worktree, trimmed and checked.
//!
//! Knows nothing of repositories: whether a branch or an agent exists is found out by the job.

use offshoot_protocol::worktree::{CreateWorktree, WorktreeMode};

use crate::EngineError;
use crate::commands::{check_prompt, check_title, invalid};

/// Longest text of a client that its task is known by.
const TASK_CHARS: usize = 200;

/// Trims and checks what a client sent.
pub(super) fn checked(mut request: CreateWorktree) -> Result<CreateWorktree, EngineError> {
    request.task_id = task_id(&request.task_id)?;
    match &mut request.mode {
        WorktreeMode::Prompt { base_branch, .. } => {
            check_base(base_branch)?;
            let prompt = request.initial_prompt.as_deref().map(str::trim);
            let prompt = prompt.filter(|prompt| !prompt.is_empty());
            let prompt = prompt.ok_or_else(|| invalid("initialPrompt", "a prompt is needed"))?;
            request.initial_prompt = Some(prompt.to_owned());
        }
        WorktreeMode::Custom {
            branch,
            base_branch,
            ..
        } => {
            check_base(base_branch)?;
            *branch = branch_name(branch)?;
        }
        WorktreeMode::Existing { branch } => *branch = branch_name(branch)?,
    }
    check_title(request.title.as_deref())?;
    check_prompt(request.initial_prompt.as_deref())?;
    Ok(request)
}

/// Checks the text that a client knows its task by.
pub(super) fn task_id(text: &str) -> Result<String, EngineError> {
    let text = text.trim();
    match text.chars().count() {
        0 => Err(invalid("taskId", "a task id is needed")),
        1..=TASK_CHARS => Ok(text.to_owned()),
        _ => Err(invalid("taskId", "a task id has at most 200 characters")),
    }
}

fn branch_name(text: &str) -> Result<String, EngineError> {
    let name = text.trim();
    if !is_spelled_well(name) {
        let message = "a branch name holds letters, digits and . _ / - only";
        return Err(invalid("branch", message));
    }
    offshoot_git::valid_branch_name(name)
        .map_err(|invalid| EngineError::InvalidBranch(invalid.name))?;
    Ok(name.to_owned())
}

fn check_base(base: &mut Option<String>) -> Result<(), EngineError> {
    let Some(text) = base else { return Ok(()) };
    let name = text.trim();
    if !name.is_empty() && !is_spelled_well(name) {
        let message = "a branch name holds letters, digits and . _ / - only";
        return Err(invalid("baseBranch", message));
    }
    *base = Some(name.to_owned()).filter(|name| !name.is_empty());
    Ok(())
}

fn is_spelled_well(name: &str) -> bool {
    let known = |c: char| c.is_ascii_alphanumeric() || "._/-".contains(c);
    !name.is_empty() && name.chars().all(known)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(text: &str) -> Result<CreateWorktree, EngineError> {
        checked(serde_json::from_str(text).unwrap())
    }

    #[test]
    fn requests_are_trimmed_and_checked() {
        let custom = r#"{"taskId":" t ","mode":"custom","branch":" fix/it ","baseBranch":""}"#;
        let custom = request(custom).unwrap();
        assert_eq!(custom.task_id, "t");
        let mode = WorktreeMode::Custom {
            branch: "fix/it".to_owned(),
            base_branch: None,
            use_remote: false,
        };
        assert_eq!(custom.mode, mode);
        let prompt = r#"{"taskId":"t","mode":"prompt","initialPrompt":"  do it\n"}"#;
        assert_eq!(request(prompt).unwrap().initial_prompt.unwrap(), "do it");
        for bad in [
            r#"{"taskId":" ","mode":"existing","branch":"b"}"#,
            r#"{"taskId":"t","mode":"existing","branch":" "}"#,
            r#"{"taskId":"t","mode":"existing","branch":"a b"}"#,
            r#"{"taskId":"t","mode":"custom","branch":"--upload-pack=touch x"}"#,
            r#"{"taskId":"t","mode":"custom","branch":"-x"}"#,
            r#"{"taskId":"t","mode":"custom","branch":"a..b"}"#,
            r#"{"taskId":"t","mode":"custom","branch":"a\nb"}"#,
            r#"{"taskId":"t","mode":"custom","branch":"b","baseBranch":"a b"}"#,
            r#"{"taskId":"t","mode":"custom","branch":"b","baseBranch":"a\nb"}"#,
            r#"{"taskId":"t","mode":"prompt"}"#,
            r#"{"taskId":"t","mode":"prompt","initialPrompt":" "}"#,
        ] {
            assert!(request(bad).is_err(), "{bad}");
        }
    }
}
