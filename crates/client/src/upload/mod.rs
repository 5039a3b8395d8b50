//! `testward upload`: sends reports in one request and says what became of them.

mod ci;
mod files;
mod multipart;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use clap::ValueEnum;
use serde::Deserialize;
use testward_wire::results::{Receipt, RunView, Status, UploadStage};
use ureq::SendBody;
use ureq::http::Method;

use crate::failure::{Failure, Locally, Result};
use crate::host::Host;
use crate::http::{Answer, Client, SendError, encoded};
use crate::output;
use crate::server::Server;
use ci::Origin;
use files::LocalFile;
use multipart::Form;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Project to upload to: its id, as in the address of its page
    #[arg(long, short, env = "TESTWARD_PROJECT")]
    project: String,
    /// Report files, or folders of them
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// Format of the reports
    #[arg(long = "type", value_enum, default_value_t = ReportType::Auto)]
    kind: ReportType,
    /// Name of the run
    #[arg(long)]
    run_name: Option<String>,
    /// Joins all uploads with the same id into one run
    #[arg(long, value_name = "ID")]
    session_id: Option<String>,
    /// Tag of the run; can be repeated
    #[arg(long = "tag", value_name = "TAG")]
    tags: Vec<String>,
    /// Name of the build [default: what the CI system says]
    #[arg(long, value_name = "TEXT")]
    build_label: Option<String>,
    /// Address of the build's page [default: what the CI system says]
    #[arg(long, value_name = "URL")]
    build_url: Option<String>,
    /// Branch that was tested [default: what the CI system or Git says]
    #[arg(long)]
    branch: Option<String>,
    /// Commit that was tested [default: what the CI system or Git says]
    #[arg(long)]
    commit: Option<String>,
    /// Name of this upload; sending the same name again changes nothing [default: from the CI job, else random]
    #[arg(long, value_name = "NAME")]
    batch: Option<String>,
    /// Exit with 1 when a test failed, ended with an error or did not finish
    #[arg(long, value_enum, value_name = "OUTCOME")]
    fail_on: Option<FailOn>,
    /// How long to wait for the server to read the reports
    #[arg(long, value_name = "SECS", default_value_t = 600)]
    wait: u64,
    /// Print the server's receipt as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    server: Server,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum ReportType {
    Auto,
    Junit,
    Testops,
    Katalon,
    Testng,
    Nunit,
    Xunit,
    Trx,
    Robot,
    Cucumber,
    CucumberMessages,
    Playwright,
    Mochawesome,
    Allure,
    Ctrf,
    GoTest,
    Tap,
    Libtest,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum FailOn {
    Failed,
}

pub fn run(host: &mut Host<'_>, args: &Args) -> Result<()> {
    let client = args.server.connect(&host.env)?;
    let found = files::collect(&args.paths)?;
    for link in &found.links {
        host.note(format_args!("not following the link {}", link.display()));
    }
    let form = form(host, args, &found.files)?;
    let receipt = send(&client, host, args, &form)?;
    let receipt = finished(&client, host, args, receipt)?;
    report(host, args, &receipt)?;
    verdict(args, &receipt)
}

/// The name by which the server knows a format, which is the one on the command line.
fn name_of(kind: ReportType) -> String {
    kind.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default()
}

fn form(host: &Host<'_>, args: &Args, files: &[LocalFile]) -> Result<Form> {
    let ci = Origin::from_ci(&host.env);
    let job = ci.as_ref().and_then(|origin| origin.job.clone());
    let fields = fields(args, ci);
    let batch = match (&args.batch, job) {
        (Some(batch), _) => batch.clone(),
        (None, Some(job)) => ci::batch(&job, &args.project, &fields, files),
        // Outside CI the same report may honestly be uploaded twice; only this command's own retries are one upload.
        (None, None) => format!("cli-{}", random_name()?),
    };
    let mut named = vec![("batch", batch)];
    named.extend(fields);
    Ok(Form::new(format!("testward-{}", random_name()?), &named, files))
}

/// Returns the text fields except the batch, leaving out what nobody knows.
fn fields(args: &Args, ci: Option<Origin>) -> Vec<(&'static str, String)> {
    let is_told = args.branch.is_some() && args.commit.is_some();
    let origin = ci.unwrap_or_else(|| if is_told { Origin::default() } else { Origin::from_git() });
    let either = |given: &Option<String>, known: Option<String>| given.clone().or(known);
    let optional = [
        ("build_label", either(&args.build_label, origin.build_label)),
        ("build_url", either(&args.build_url, origin.build_url)),
        ("branch", either(&args.branch, origin.branch)),
        ("commit", either(&args.commit, origin.commit)),
        ("run_name", args.run_name.clone()),
        ("session", args.session_id.clone()),
    ];
    let mut fields = vec![("type", name_of(args.kind))];
    fields.extend(optional.into_iter().filter_map(|(name, value)| Some((name, value?))));
    fields.extend(args.tags.iter().map(|tag| ("tag", tag.clone())));
    fields
}

#[expect(clippy::disallowed_methods, reason = "the client has no other source of randomness")]
fn random_name() -> Result<String> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).locally("asking the system for randomness")?;
    Ok(format!("{:032x}", u128::from_ne_bytes(bytes)))
}

fn uploads(args: &Args) -> String {
    format!("/api/v1/projects/{}/uploads", encoded(&args.project))
}

/// A refusal of reports carries the receipt beside the error.
#[derive(Deserialize)]
struct WithReceipt {
    receipt: Receipt,
}

fn send(client: &Client, host: &mut Host<'_>, args: &Args, form: &Form) -> Result<Receipt> {
    let answer = client.retrying(host, |host| attempt(client, host, args, form))?;
    if answer.status.as_u16() == 422
        && let Ok(refused) = serde_json::from_slice::<WithReceipt>(&answer.body)
    {
        return Ok(refused.receipt);
    }
    client.accepted(answer)?.json(client)
}

fn attempt(client: &Client, host: &mut Host<'_>, args: &Args, form: &Form) -> std::result::Result<Answer, SendError> {
    let progress = output::progress(form.bytes(), host.err_is_terminal);
    let mut body = form.open();
    let mut watched = progress.wrap_read(&mut body);
    let request = client
        .request(Method::POST, &uploads(args))
        .header("Content-Type", form.content_type())
        .header("Content-Length", form.bytes())
        // Hears "no" before sending; a server that closes on an unread body would drown its own answer.
        .header("Expect", "100-continue")
        .body(SendBody::from_reader(&mut watched))
        .locally("putting the upload together")?;
    let outcome = client.exchange(host, request);
    progress.finish_and_clear();
    match body.into_problem() {
        Some(problem) => Err(Failure::usage(problem).into()),
        None => outcome,
    }
}

const fn is_unfinished(receipt: &Receipt) -> bool {
    matches!(receipt.stage, UploadStage::Receiving | UploadStage::Importing)
}

/// Asks until the reports are read or `--wait` is over.
#[expect(clippy::disallowed_methods, reason = "measures how long it has waited")]
fn finished(client: &Client, host: &mut Host<'_>, args: &Args, mut receipt: Receipt) -> Result<Receipt> {
    let started = Instant::now();
    let mut pause = Duration::from_millis(250);
    while is_unfinished(&receipt) && started.elapsed() < Duration::from_secs(args.wait) {
        (host.sleep)(pause);
        pause = (pause * 2).min(Duration::from_secs(5));
        let asked = client.get_patiently(host, &format!("{}/{}", uploads(args), receipt.id));
        if asked.is_err() {
            host.note(format_args!("upload {} is stored; only what became of it is unknown", receipt.id));
        }
        receipt = asked?;
    }
    Ok(receipt)
}

fn report(host: &mut Host<'_>, args: &Args, receipt: &Receipt) -> Result<()> {
    let lines = [output::refusals(receipt), output::repairs(receipt), output::strangers(receipt)];
    for line in lines.into_iter().flatten() {
        host.note(line);
    }
    if is_unfinished(receipt) {
        let id = receipt.id;
        host.note(format_args!("upload {id} is stored; the server was still reading it after {} s", args.wait));
    }
    match &receipt.run {
        _ if args.json => host.print(output::json(receipt)),
        Some(run) => {
            host.print(output::plain(&run.url))?;
            host.print(output::counts(&run.counts))
        }
        None if is_unfinished(receipt) => Ok(()),
        None => {
            host.note("warning: no test results were found in these files");
            Ok(())
        }
    }
}

/// Decides the exit code. Missing results weigh more than failed tests: they hide failures.
fn verdict(args: &Args, receipt: &Receipt) -> Result<()> {
    let refused = receipt.files.iter().filter(|file| output::is_refused(file)).count() as i64;
    if refused > 0 || matches!(receipt.stage, UploadStage::Refused | UploadStage::PartlyRefused) {
        return Err(Failure::refused(format_args!("{} refused", output::plural(refused, "file"))));
    }
    if args.fail_on.is_none() {
        return Ok(());
    }
    match &receipt.run {
        _ if is_unfinished(receipt) => Err(Failure::network("--fail-on cannot tell yet how the tests ended")),
        Some(run) if has_failed(run) => Err(Failure::tests_failed("tests failed")),
        Some(_) => Ok(()),
        None => Err(Failure::tests_failed("--fail-on found no test results")),
    }
}

fn has_failed(run: &RunView) -> bool {
    let counts = &run.counts;
    counts.failed + counts.error + counts.incomplete > 0
        || matches!(run.status, Status::Failed | Status::Error | Status::Incomplete)
}

#[cfg(test)]
mod tests {
    use clap::ValueEnum as _;
    use testward_reports::Format;

    use super::{ReportType, name_of};

    #[test]
    fn every_format_of_the_readers_can_be_named() {
        let named: Vec<String> = ReportType::value_variants().iter().map(|kind| name_of(*kind)).collect();
        let known: Vec<&str> = Format::ALL.iter().map(|format| format.name()).collect();
        assert_eq!(named[1..], known);
    }
}
