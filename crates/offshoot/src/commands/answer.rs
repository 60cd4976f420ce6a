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

/// The option that is meant: its key, its place where options have no keys, or the only one whose
/// words begin so.
fn chosen(request: &Request, option: &str) -> Result<String> {
    if request.options.iter().any(|one| one.id == option) {
        return Ok(option.to_owned());
    }
    let place = option.parse::<usize>().ok().filter(|_| has_places(request));
    let at_place = place.and_then(|place| request.options.get(place.checked_sub(1)?));
    if let Some(one) = at_place {
        return Ok(one.id.clone());
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

/// Whether options are counted, because some have no key that a person could read.
fn has_places(request: &Request) -> bool {
    let options = &request.options;
    options.iter().any(|one| one.id == one.label)
        && options.iter().all(|one| one.id.parse::<u8>().is_err())
}

fn print(request: &Request) {
    println!("{}", request.text);
    for (name, value) in [("command", &request.command), ("file", &request.file)] {
        if let Some(value) = value {
            println!("  {name}: {value}");
        }
    }
    for (at, option) in request.options.iter().enumerate() {
        let place = (at + 1).to_string();
        let name = if has_places(request) {
            &place
        } else {
            &option.id
        };
        println!("  {name:>4}  {}", option.label);
    }
    if request.takes_text {
        println!("  --text TEXT answers in words");
    }
}
