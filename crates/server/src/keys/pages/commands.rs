//! Ready-made commands with a key in them, for this server's address.

use crate::app::App;
use crate::projects::Project;

/// A command to copy.
pub struct Command {
    pub slug: &'static str,
    pub element_id: String,
    pub label: &'static str,
    pub text: String,
    pub note: &'static str,
}

impl Command {
    fn new(slug: &'static str, label: &'static str, note: &'static str, text: String) -> Self {
        Self { slug, element_id: format!("command-{slug}"), label, text, note }
    }
}

/// What the commands have in common.
struct Place<'a> {
    url: &'a str,
    project: i64,
    organization: i64,
    key: &'a str,
}

/// Returns the commands for a key. Without a project yet, they name the first that will be.
pub fn commands(app: &App, project: Option<&Project>, key: &str) -> Vec<Command> {
    let place = Place {
        url: &app.base_url,
        project: project.map_or(1, |it| it.id.0),
        organization: project.map_or(1, |it| it.organization_id.0),
        key,
    };
    let mut commands = on_a_machine(&place);
    commands.extend(in_ci(&place));
    commands
}

fn on_a_machine(place: &Place<'_>) -> Vec<Command> {
    let Place { url, project, organization, key } = *place;
    let curl = format!("curl -u \":{key}\" -F file=@report.xml {url}/api/v1/projects/{project}/uploads");
    let uploader = format!(
        "java -jar katalon-report-uploader.jar --server={url} --email= --password={key} --projectId={project} --type=junit --path=target/surefire-reports"
    );
    let cli = format!("TESTWARD_API_KEY={key} testward upload --url {url} --project {project} target/surefire-reports");
    let agent = format!("serverUrl={url}\napikey={key}\norganizationId={organization}\nagentName=my-agent");
    vec![
        Command::new("curl", "curl", "Sends one report file.", curl),
        Command::new("uploader", "Official uploader", "The vendor's report uploader, unmodified.", uploader),
        Command::new(
            "cli",
            "Testward CLI",
            "Retries safely and tells with its exit code what became of the report.",
            cli,
        ),
        Command::new("agent", "Agent", "The official agent's configuration file, agentconfig.", agent),
    ]
}

/// The key goes where each service keeps its secrets, never into the file in the repository.
fn in_ci(place: &Place<'_>) -> Vec<Command> {
    let key = place.key;
    let send = format!(
        "curl --fail-with-body -u \":$TESTWARD_API_KEY\" $(printf -- '-F file=@%s ' target/surefire-reports/*.xml) {}/api/v1/projects/{}/uploads",
        place.url, place.project
    );
    let jenkins = format!(
        "// Secret text of the credential 'testward': {key}\npost {{\n  always {{\n    withCredentials([string(credentialsId: 'testward', variable: 'TESTWARD_API_KEY')]) {{\n      sh '''{send}'''\n    }}\n  }}\n}}"
    );
    let github = format!(
        "# gh secret set TESTWARD_API_KEY --body {key}\n- name: Send results to Testward\n  if: always()\n  env:\n    TESTWARD_API_KEY: ${{{{ secrets.TESTWARD_API_KEY }}}}\n  run: {send}"
    );
    let gitlab = format!(
        "# Settings > CI/CD > Variables, masked: TESTWARD_API_KEY = {key}\ntest:\n  after_script:\n    - >-\n      {send}"
    );
    let circle = format!(
        "# Project Settings > Environment Variables: TESTWARD_API_KEY = {key}\n- run:\n    name: Send results to Testward\n    when: always\n    command: >-\n      {send}"
    );
    let azure = format!(
        "# Variables > New variable, kept secret: TESTWARD_API_KEY = {key}\n- script: >-\n    {send}\n  displayName: Send results to Testward\n  condition: always()\n  env:\n    TESTWARD_API_KEY: $(TESTWARD_API_KEY)"
    );
    vec![
        Command::new("jenkins", "Jenkins", "A credential of the kind Secret text, and a step of a Pipeline.", jenkins),
        Command::new("github", "GitHub Actions", "A secret of the repository, and a step of a job.", github),
        Command::new("gitlab", "GitLab CI", "A masked variable, and the end of a job.", gitlab),
        Command::new("circleci", "CircleCI", "A variable of the project, and a step of a job.", circle),
        Command::new("azure", "Azure Pipelines", "A secret variable, and a step of a job.", azure),
    ]
}
