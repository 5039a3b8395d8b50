//! The command-line generator: choose a client, a project and options, copy the line. The key is never sent here: the
//! line has a word in its place, which the page itself replaces while copying.

use askama::Template;
use axum::extract::State;
use axum::response::Html;

use super::keys_crumb;
use crate::app::App;
use crate::error::Result;
use crate::gate::Caller;
use crate::projects::{self, Project};
use crate::web::extract::Query;
use crate::web::layout::{Choice, Chrome, Crumb, Tab, href, render};

const PATH: &str = "/user/apikey/commands";
/// Stands in a line where the key goes.
pub const PLACEHOLDER: &str = "YOUR_API_KEY";

#[derive(Template)]
#[template(path = "key_commands.html")]
struct GeneratorPage {
    page: Chrome,
    clients: Vec<Tab>,
    client: &'static str,
    label: &'static str,
    note: &'static str,
    projects: Vec<Choice>,
    fields: Vec<Field>,
    line: String,
}

/// An option of a client.
struct Field {
    name: &'static str,
    label: &'static str,
    hint: &'static str,
    value: String,
    /// Empty: free text.
    choices: Vec<Choice>,
}

/// A client, with what can be said to it.
struct Client {
    slug: &'static str,
    label: &'static str,
    note: &'static str,
    options: &'static [Opt],
    line: fn(&Line<'_>) -> String,
}

/// An option: name, label, hint, what it is at first, and what it may be (nothing: any text).
struct Opt(&'static str, &'static str, &'static str, &'static str, &'static [(&'static str, &'static str)]);

const REPORT: Opt = Opt("path", "Reports", "File or folder", "target/surefire-reports", &[]);
const BRANCH: Opt = Opt("branch", "Branch", "", "", &[]);
const BUILD: Opt = Opt("build", "Build label", "", "", &[]);

const CLIENTS: [Client; 5] = [
    Client {
        slug: "studio",
        label: "Katalon Studio console",
        note: "Runs a suite with katalonc and sends its report here.",
        options: &[
            Opt("prj", "Project file", "Absolute path", "/srv/shop/shop.prj", &[]),
            Opt(
                "kind",
                "Run",
                "",
                "testSuitePath",
                &[("testSuitePath", "A test suite"), ("testSuiteCollectionPath", "A test suite collection")],
            ),
            Opt("suite", "Suite or collection", "", "Test Suites/Smoke", &[]),
            Opt(
                "browser",
                "Browser",
                "",
                "Chrome (headless)",
                &[
                    ("Chrome (headless)", "Chrome, headless"),
                    ("Chrome", "Chrome"),
                    ("Firefox (headless)", "Firefox, headless"),
                    ("Firefox", "Firefox"),
                    ("Edge Chromium", "Edge"),
                    ("Web Service", "None: web services"),
                ],
            ),
            Opt("profile", "Execution profile", "", "default", &[]),
            BUILD,
            Opt(
                "spelling",
                "Spelling",
                "of the key option",
                "apiKey",
                &[("apiKey", "-apiKey= (Studio 7 on)"), ("apikey", "-apikey= (older)")],
            ),
        ],
        line: studio,
    },
    Client {
        slug: "uploader",
        label: "Report uploader",
        note: "The vendor's uploader sends reports that are there already.",
        options: &[
            REPORT,
            Opt(
                "type",
                "Format",
                "",
                "junit",
                &[("junit", "JUnit XML"), ("katalon", "Katalon Studio"), ("katalon_recorder", "Katalon Recorder")],
            ),
        ],
        line: uploader,
    },
    Client {
        slug: "agent",
        label: "Agent",
        note: "Writes the official agent's configuration and starts it.",
        options: &[Opt("agent", "Agent name", "", "my-agent", &[])],
        line: agent,
    },
    Client {
        slug: "cli",
        label: "Testward CLI",
        note: "Retries safely; its exit code tells what became of the report.",
        options: &[
            REPORT,
            Opt("run", "Run name", "", "", &[]),
            BRANCH,
            BUILD,
            Opt("tag", "Tag", "", "", &[]),
            Opt("fail", "When tests failed", "", "", &[("", "Exit with 0"), ("failed", "Exit with 1")]),
        ],
        line: cli,
    },
    Client {
        slug: "curl",
        label: "curl",
        note: "Needs nothing but curl.",
        options: &[Opt("path", "Report", "One file", "report.xml", &[]), BRANCH, BUILD],
        line: curl,
    },
];

/// What a line is made of.
struct Line<'a> {
    url: &'a str,
    project: i64,
    organization: i64,
    values: Vec<(&'static str, String)>,
}

impl Line<'_> {
    fn get(&self, name: &str) -> &str {
        self.values.iter().find(|(own, _)| *own == name).map_or("", |(_, value)| value)
    }

    /// Returns `prefix` and the value, quoted; nothing, if there is none.
    fn with(&self, prefix: &str, name: &str) -> String {
        match self.get(name) {
            "" => String::new(),
            value => format!(" {prefix}{}", quoted(value)),
        }
    }
}

pub async fn show(
    State(app): State<App>,
    caller: Caller,
    Query(pairs): Query<Vec<(String, String)>>,
) -> Result<Html<String>> {
    let asked = |name: &str| pairs.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str());
    let client = CLIENTS.iter().find(|it| Some(it.slug) == asked("client")).unwrap_or(&CLIENTS[0]);
    let mut tx = app.db.read().await?;
    let mine = projects::list(&mut tx, &caller).await?;
    let chosen = asked("project").and_then(|id| mine.iter().find(|project| project.id.to_string() == id));
    let project = chosen.or(mine.first());
    let values = client.options.iter().map(|Opt(name, _, _, first, _)| {
        let value: String = asked(name).unwrap_or(first).chars().filter(|it| !it.is_control()).take(300).collect();
        (*name, value)
    });
    let line = Line {
        url: &app.base_url,
        project: project.map_or(1, |it| it.id.0),
        organization: project.map_or(1, |it| it.organization_id.0),
        values: values.collect(),
    };
    let tab = |it: &Client| Tab {
        label: it.label.to_owned(),
        href: href(PATH, &[("client", it.slug), ("project", &line.project.to_string())]),
        n: None,
        is_current: it.slug == client.slug,
    };
    let page = GeneratorPage {
        page: Chrome::of(&mut tx, &caller, vec![keys_crumb(), Crumb::new("Command lines", PATH)]).await?,
        clients: CLIENTS.iter().map(tab).collect(),
        client: client.slug,
        label: client.label,
        note: client.note,
        projects: choices(&mine, project),
        fields: client.options.iter().map(|option| field(option, &line)).collect(),
        line: (client.line)(&line),
    };
    render(&page)
}

fn choices(mine: &[Project], chosen: Option<&Project>) -> Vec<Choice> {
    let choice = |project: &Project| {
        let is_chosen = chosen.is_some_and(|it| it.id == project.id);
        Choice::new(project.id.to_string(), project.name.clone()).selected(is_chosen)
    };
    mine.iter().map(choice).collect()
}

fn field(option: &Opt, line: &Line<'_>) -> Field {
    let Opt(name, label, hint, _, choices) = *option;
    let value = line.get(name).to_owned();
    let choices = choices.iter().map(|(own, label)| Choice::new(*own, *label).selected(*own == value));
    Field { name, label, hint, choices: choices.collect(), value }
}

/// Quotes a value for a shell, if it needs that. Double quotes, because `cmd` on Windows knows no others.
fn quoted(value: &str) -> String {
    let is_plain = |it: char| it.is_ascii_alphanumeric() || "-_./:=@+,".contains(it);
    if !value.is_empty() && value.chars().all(is_plain) {
        return value.to_owned();
    }
    let mut text = String::from("\"");
    for letter in value.chars() {
        if matches!(letter, '"' | '\\' | '$' | '`') {
            text.push('\\');
        }
        text.push(letter);
    }
    text + "\""
}

fn studio(line: &Line<'_>) -> String {
    let kind = if line.get("kind") == "testSuiteCollectionPath" { "testSuiteCollectionPath" } else { "testSuitePath" };
    let spelling = if line.get("spelling") == "apikey" { "apikey" } else { "apiKey" };
    let build = match line.get("build") {
        "" => String::new(),
        label => format!(" --info -buildLabel={}", quoted(label)),
    };
    format!(
        "katalonc -noSplash -runMode=console{}{}{}{} -retry=0 -testOps.serverUrl={} -testOpsProjectId={} -{spelling}={PLACEHOLDER}{build}",
        line.with("-projectPath=", "prj"),
        line.with(&format!("-{kind}="), "suite"),
        line.with("-browserType=", "browser"),
        line.with("-executionProfile=", "profile"),
        line.url,
        line.project,
    )
}

fn uploader(line: &Line<'_>) -> String {
    format!(
        "java -jar katalon-report-uploader.jar --server={} --email= --password={PLACEHOLDER} --projectId={}{}{}",
        line.url,
        line.project,
        line.with("--type=", "type"),
        line.with("--path=", "path"),
    )
}

fn agent(line: &Line<'_>) -> String {
    format!(
        "katalon-agent config --server-url {} --apikey {PLACEHOLDER} --organizationid {}{} -c agentconfig\nkatalon-agent start-agent -c agentconfig",
        line.url,
        line.organization,
        line.with("--agent-name ", "agent"),
    )
}

fn cli(line: &Line<'_>) -> String {
    format!(
        "TESTWARD_API_KEY={PLACEHOLDER} testward upload --url {} --project {}{}{}{}{}{}{}",
        line.url,
        line.project,
        line.with("--run-name ", "run"),
        line.with("--branch ", "branch"),
        line.with("--build-label ", "build"),
        line.with("--tag ", "tag"),
        line.with("--fail-on ", "fail"),
        line.with("", "path"),
    )
}

fn curl(line: &Line<'_>) -> String {
    let file = quoted(&format!("file=@{}", line.get("path")));
    let pair = |name: &str, own: &str| match line.get(own) {
        "" => String::new(),
        value => format!(" -F {}", quoted(&format!("{name}={value}"))),
    };
    format!(
        "curl --fail-with-body -u \":{PLACEHOLDER}\" -F {file}{}{} {}/api/v1/projects/{}/uploads",
        pair("branch", "branch"),
        pair("build_label", "build"),
        line.url,
        line.project,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_cannot_break_out_of_the_line() {
        let quotes = ["plain/path.xml", "Test Suites/A", "a\"; rm -rf $HOME `x` \\"].map(quoted);
        assert_eq!(quotes, ["plain/path.xml", "\"Test Suites/A\"", "\"a\\\"; rm -rf \\$HOME \\`x\\` \\\\\""]);
        assert_eq!(quoted(""), "\"\"");
    }
}
