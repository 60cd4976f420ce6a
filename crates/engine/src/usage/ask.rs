//! How agents are asked to report: by the variables and arguments that their definition names.
//!
//! A person who sends telemetry somewhere already goes on doing so: nothing is put over their variables.

use std::ffi::{OsStr, OsString};

use offshoot_protocol::WorkerId;

use crate::definitions::Telemetry;
use crate::{Engine, template};

/// What an agent is started with besides, so that it reports.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Asked {
    pub(crate) variables: Vec<(OsString, OsString)>,
    pub(crate) arguments: Vec<OsString>,
}

impl Engine {
    /// Works out what to start an agent with. Nothing, when it cannot report, a person wants no
    /// reports, or the server is out of its reach.
    pub(crate) fn ask_usage(
        &self,
        worker: WorkerId,
        telemetry: Option<&Telemetry>,
        environment: &[(OsString, OsString)],
    ) -> Asked {
        let address = self.inner.address.get();
        let (Some(telemetry), Some(address), true) =
            (telemetry, address, self.inner.config.asks_usage)
        else {
            return Asked::default();
        };
        let endpoint = format!("{address}/api/workers/{worker}/usage");
        let token = self.credentials().worker_token(worker);
        asked(telemetry, &endpoint, &token, environment)
    }
}

fn asked(
    telemetry: &Telemetry,
    endpoint: &str,
    token: &str,
    environment: &[(OsString, OsString)],
) -> Asked {
    let sends_already = environment.iter().any(|(name, _)| {
        let is_standard = name.as_encoded_bytes().starts_with(b"OTEL_");
        is_standard || telemetry.env.keys().any(|own| OsStr::new(own) == name)
    });
    if sends_already {
        return Asked::default();
    }
    let values = [
        ("{endpoint}", endpoint.as_ref()),
        ("{token}", token.as_ref()),
    ];
    let filled = |text: &str| template::filled(text, &values);
    let variables = telemetry.env.iter();
    Asked {
        variables: variables
            .map(|(name, value)| (OsString::from(name), filled(value)))
            .collect(),
        arguments: telemetry.args.iter().map(|text| filled(text)).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::definitions::TelemetryKind;

    fn telemetry() -> Telemetry {
        Telemetry {
            kind: TelemetryKind::Otlp,
            env: [("SEND_TO".to_owned(), "{endpoint}?{token}".to_owned())].into(),
            args: vec!["--to={endpoint}".to_owned()],
        }
    }

    #[test]
    fn variables_and_arguments_are_filled() {
        let asked = asked(&telemetry(), "http://[::1]:1/x", "secret", &[]);
        let variable = (OsString::from("SEND_TO"), "http://[::1]:1/x?secret".into());
        assert_eq!(asked.variables, [variable]);
        assert_eq!(asked.arguments, [OsString::from("--to=http://[::1]:1/x")]);
    }

    #[test]
    fn who_sends_telemetry_already_goes_on_doing_so() {
        for name in ["OTEL_EXPORTER_OTLP_ENDPOINT", "SEND_TO"] {
            let environment = [(OsString::from(name), OsString::from("theirs"))];
            assert_eq!(
                asked(&telemetry(), "e", "t", &environment),
                Asked::default()
            );
        }
    }
}
