//! `offshoot answer`: shows what an agent asks, or answers it.

use anyhow::{Result, bail};
use offshoot_protocol::request::{Answer, AnswerBody, Request};

use crate::args::AnswerArgs;
use crate::client::Client;
use crate::pick;

/// Lists the options, or answers with one of them or in words.
pub(crate) async fn run(client: &Client, args: AnswerArgs) -> Result<()> {
    let sessions = client.sessions().await?;
    let worker = pick::find(&sessions, &args.name)?.worker()?;
    let Some(request) = &worker.request else {
        bail!("{} asks nothing now", worker.name);
    };
    let answer = match (args.option, args.text) {
        (Some(option), _) => Answer::Option(chosen(request, &option)?),
        (None, Some(text)) => Answer::Text(text),
        (None, None) => {
            print(request);
            return Ok(());
        }
    };
    let path = format!("/api/workers/{}/requests/{}/answer", worker.id, request.id);
    let body: AnswerBody = client.post(&path, &answer).await?;
    if !body.taken {
        bail!("the answer was typed, and the question still stands there; look at the terminal");
    }
    Ok(())
}

/// The option that is meant: its key, or the only one whose words begin so.
fn chosen(request: &Request, option: &str) -> Result<String> {
    if request.options.iter().any(|one| one.id == option) {
        return Ok(option.to_owned());
    }
    let wanted = option.to_lowercase();
    let begins = request
        .options
        .iter()
        .filter(|one| one.label.to_lowercase().starts_with(&wanted));
    match begins.collect::<Vec<_>>()[..] {
        [one] => Ok(one.id.clone()),
        [] => bail!("there is no option {option:?}; `offshoot answer` without one lists them"),
        _ => bail!("several options begin with {option:?}; name one by its key"),
    }
}

fn print(request: &Request) {
    println!("{}", request.text);
    for (name, value) in [("command", &request.command), ("file", &request.file)] {
        if let Some(value) = value {
            println!("  {name}: {value}");
        }
    }
    for option in &request.options {
        println!("  {:>4}  {}", option.id, option.label);
    }
    if request.takes_text {
        println!("  --text TEXT answers in words");
    }
}
