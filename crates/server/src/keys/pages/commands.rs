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

/// Returns the commands for a key. Without a project yet, they name the first that will be.
pub fn commands(app: &App, project: Option<&Project>, key: &str) -> Vec<Command> {
    let url = &app.base_url;
    let project_id = project.map_or(1, |it| it.id.0);
    let organization = project.map_or(1, |it| it.organization_id.0);
    let curl = format!("curl -u \":{key}\" -F file=@report.xml {url}/api/v1/projects/{project_id}/uploads");
    let uploader = format!(
        "java -jar katalon-report-uploader.jar --server={url} --email= --password={key} --projectId={project_id} --type=junit --path=target/surefire-reports"
    );
    let cli =
        format!("TESTWARD_API_KEY={key} testward upload --url {url} --project {project_id} target/surefire-reports");
    let jenkins = format!(
        "withCredentials([string(credentialsId: 'testward', variable: 'TESTWARD_API_KEY')]) {{\n  sh 'testward upload --url {url} --project {project_id} target/surefire-reports'\n}}\n// Secret text of the credential 'testward':\n// {key}"
    );
    let agent = format!("serverUrl={url}\napikey={key}\norganizationId={organization}\nagentName=my-agent");
    [
        ("curl", "curl", "Sends one report file.", curl),
        ("uploader", "Official uploader", "The vendor's report uploader, unmodified.", uploader),
        ("cli", "Testward CLI", "Retries safely and tells with its exit code what became of the report.", cli),
        (
            "jenkins",
            "Jenkins",
            "Store the key as a credential of kind Secret text, then use it in a Pipeline.",
            jenkins,
        ),
        ("agent", "Agent", "The official agent's configuration file, agentconfig.", agent),
    ]
    .map(|(slug, label, note, text)| Command { slug, element_id: format!("command-{slug}"), label, text, note })
    .into()
}
