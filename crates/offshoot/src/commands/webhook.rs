//! `offshoot webhook`.

use anyhow::Result;
use offshoot_protocol::notification::{
    CreateWebhook, CreatedWebhook, PatchWebhook, Webhook, WebhookBody, WebhookEvent, WebhooksBody,
};
use reqwest::Method;

use super::{print, print_json};
use crate::args::{AddWebhook, Output, Told, Webhooks};
use crate::client::Client;
use crate::pick::{self, short};
use crate::style::{self, Cell, Table, Tone};

/// Lists, adds, tests, switches or removes webhooks.
pub(crate) async fn run(client: &Client, command: Webhooks) -> Result<()> {
    match command {
        Webhooks::List(output) => list(client, output).await,
        Webhooks::Add(args) => add(client, args).await,
        Webhooks::Rm { webhook, output } => {
            let found = find(client, &webhook).await?;
            client.act(Method::DELETE, &path(&found, "")).await?;
            say(&found, output, "is removed")
        }
        Webhooks::Test { webhook, output } => {
            let found = find(client, &webhook).await?;
            client.act(Method::POST, &path(&found, "/test")).await?;
            say(&found, output, "took the test")
        }
        Webhooks::On { webhook, output } => {
            let switched = switch(client, &webhook, true).await?;
            say(&switched, output, "is on")
        }
        Webhooks::Off { webhook, output } => {
            let switched = switch(client, &webhook, false).await?;
            say(&switched, output, "is off")
        }
    }
}

async fn list(client: &Client, output: Output) -> Result<()> {
    let webhooks = webhooks(client).await?;
    if output.json {
        return print_json(&webhooks);
    }
    if webhooks.is_empty() {
        return print("no webhooks\n");
    }
    print(&table(&webhooks).render(style::stdout()))
}

async fn add(client: &Client, args: AddWebhook) -> Result<()> {
    let repository_id = match &args.repository {
        Some(path) => Some(client.repository_at(path).await?.id),
        None => None,
    };
    let events = args.events.into_iter().map(event).collect::<Vec<_>>();
    let body = CreateWebhook {
        url: args.url,
        repository_id,
        events: (!events.is_empty()).then_some(events),
    };
    let created: CreatedWebhook = client.post("/api/webhooks", &body).await?;
    if args.output.json {
        return print_json(&created);
    }
    // Only the secret on standard output, as with tokens.
    eprintln!("added {}", short(&created.webhook.id));
    eprintln!("this is the only time the secret is shown:");
    print(&format!("{}\n", created.secret))
}

async fn switch(client: &Client, name: &str, enabled: bool) -> Result<Webhook> {
    let found = find(client, name).await?;
    let change = PatchWebhook {
        enabled: Some(enabled),
        ..PatchWebhook::default()
    };
    let switched: WebhookBody = client.patch(&path(&found, ""), &change).await?;
    Ok(switched.webhook)
}

async fn webhooks(client: &Client) -> Result<Vec<Webhook>> {
    let body: WebhooksBody = client.get("/api/webhooks").await?;
    Ok(body.webhooks)
}

async fn find(client: &Client, name: &str) -> Result<Webhook> {
    let mut found = webhooks(client).await?;
    found.retain(|one| one.url == name || pick::begins(&one.id, name));
    let found = pick::only(
        found,
        || format!("no webhook is called `{name}`"),
        || format!("several webhooks are called `{name}`; give the id of one"),
    );
    Ok(found?)
}

fn path(webhook: &Webhook, rest: &str) -> String {
    format!("/api/webhooks/{}{rest}", webhook.id)
}

fn say(webhook: &Webhook, output: Output, what: &str) -> Result<()> {
    if output.json {
        return print_json(webhook);
    }
    print(&format!("{} {what}\n", short(&webhook.id)))
}

fn table(webhooks: &[Webhook]) -> Table {
    let mut table = Table::new(&["ID", "STATE", "EVENTS", "REPOSITORY", "URL"]);
    for webhook in webhooks {
        let state = match webhook.enabled {
            true => ("on".to_owned(), Tone::Good),
            false => ("off".to_owned(), Tone::Quiet),
        };
        let repository = webhook
            .repository_id
            .map_or_else(|| Cell::faint("all"), |id| short(id).into());
        table.row(vec![
            short(&webhook.id).into(),
            Cell::toned(state),
            words(&webhook.events).into(),
            repository,
            (&webhook.url).into(),
        ]);
    }
    table
}

fn words(events: &[WebhookEvent]) -> String {
    let words = events.iter().map(|event| match event {
        WebhookEvent::Waiting => "waiting",
        WebhookEvent::Finished => "finished",
        WebhookEvent::Exited => "exited",
        WebhookEvent::Errored => "errored",
        WebhookEvent::PromptFailed => "prompt-failed",
    });
    words.collect::<Vec<_>>().join(" ")
}

fn event(told: Told) -> WebhookEvent {
    match told {
        Told::Waiting => WebhookEvent::Waiting,
        Told::Finished => WebhookEvent::Finished,
        Told::Exited => WebhookEvent::Exited,
        Told::Errored => WebhookEvent::Errored,
        Told::PromptFailed => WebhookEvent::PromptFailed,
    }
}
