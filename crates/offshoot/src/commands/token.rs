//! `offshoot token`.

use anyhow::Result;
use jiff::Timestamp;
use offshoot_protocol::rest::{CreateToken, CreatedToken, TokenView};
use reqwest::Method;

use super::{print, print_json};
use crate::args::Token;
use crate::client::Client;
use crate::failure::Failure;
use crate::pick::{self, short};
use crate::serve::CLI_TOKEN;
use crate::style::{self, Cell, Table};

/// Answer of `GET /api/tokens`.
#[derive(serde::Deserialize)]
struct TokensBody {
    tokens: Vec<TokenView>,
}

/// Makes, lists or revokes tokens.
pub(crate) async fn run(client: &Client, command: Token) -> Result<()> {
    match command {
        Token::Create { name, output } => {
            let created: CreatedToken = client.post("/api/tokens", &CreateToken { name }).await?;
            if output.json {
                return print_json(&created);
            }
            // Only the secret on standard output: `TOKEN=$(offshoot token create ci)`.
            eprintln!("this is the only time the token is shown:");
            print(&format!("{}\n", created.secret))
        }
        Token::List(output) => {
            let tokens = tokens(client).await?;
            if output.json {
                return print_json(&tokens);
            }
            print(&table(&tokens).render(style::stdout()))
        }
        Token::Revoke { token } => {
            let tokens = tokens(client).await?;
            let token = find(&tokens, &token)?;
            let path = format!("/api/tokens/{}", token.id);
            client.act(Method::DELETE, &path).await?;
            print(&format!("revoked {}\n", style::printable(&token.name)))?;
            if token.name == CLI_TOKEN {
                eprintln!(
                    "this was the token of this command: restart the server to make a new one"
                );
            }
            Ok(())
        }
    }
}

async fn tokens(client: &Client) -> Result<Vec<TokenView>> {
    let body: TokensBody = client.get("/api/tokens").await?;
    Ok(body.tokens)
}

fn table(tokens: &[TokenView]) -> Table {
    let now = Timestamp::now();
    let mut table = Table::new(&["ID", "NAME", "AGE", "LAST USED"]);
    for token in tokens {
        let used = token.last_used_at.map_or_else(
            || Cell::faint("never"),
            |at| Cell::from(format!("{} ago", style::age(at, now))),
        );
        let age = style::age(token.created_at, now);
        table.row(vec![
            short(&token.id).into(),
            (&token.name).into(),
            age.into(),
            used,
        ]);
    }
    table
}

fn find<'a>(tokens: &'a [TokenView], name: &str) -> Result<&'a TokenView, Failure> {
    let named = |token: &&TokenView| token.name == name || token.id == name;
    let begins = |token: &&TokenView| pick::begins(&token.id, name);
    let mut found: Vec<_> = tokens.iter().filter(named).collect();
    if found.is_empty() {
        found = tokens.iter().filter(begins).collect();
    }
    pick::only(
        found,
        || format!("no token is called `{name}`"),
        || format!("several tokens are called `{name}`; give the id of one"),
    )
}
