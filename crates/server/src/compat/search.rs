//! `/api/v1/search`: the one call by which the official clients look for anything.

use axum::extract::State;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use testward_wire::keys::Scope;

use super::body::{Body, SMALL_BODY};
use super::condition::{self, Condition};
use super::executions::{self, Hint};
use super::page::{Page, Window};
use super::people::Reach;
use super::resource::ApiKeyResource;
use crate::app::App;
use crate::db::Tx;
use crate::error::{Error, Result};
use crate::gate::Caller;
use crate::keys;
use crate::web::extract::{Json, Query};

/// The most keys that are looked through.
const MAX_KEYS: i64 = 1000;

/// Each is tried on everything that is looked through.
const MAX_CONDITIONS: usize = 50;
const MAX_SORTS: usize = 10;

/// A search. Clients and the published definition spell its parts differently; both are read.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Search {
    #[serde(rename = "type")]
    kind: String,
    #[serde(alias = "searchRequestConditions")]
    conditions: Option<Vec<Condition>>,
    #[serde(alias = "searchRequestPagination")]
    pagination: Option<Pagination>,
}

#[derive(Default, Deserialize)]
struct Pagination {
    page: Option<i64>,
    size: Option<i64>,
    sorts: Option<Sorts>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Sorts {
    One(String),
    Many(Vec<String>),
}

/// A search in the address.
#[derive(Deserialize)]
pub struct InAddress {
    q: String,
}

pub async fn post(
    State(app): State<App>,
    caller: Caller,
    Body(search): Body<Search, SMALL_BODY>,
) -> Result<Json<Page<Value>>> {
    run(&app, &caller, search).await.map(Json)
}

pub async fn get(State(app): State<App>, caller: Caller, Query(query): Query<InAddress>) -> Result<Json<Page<Value>>> {
    let search =
        serde_json::from_str(&query.q).map_err(|error| Error::bad_request("invalid_json", error.to_string()))?;
    run(&app, &caller, search).await.map(Json)
}

async fn run(app: &App, caller: &Caller, search: Search) -> Result<Page<Value>> {
    let conditions = search.conditions.unwrap_or_default();
    if conditions.len() > MAX_CONDITIONS {
        return Err(Error::invalid("conditions", format!("must be at most {MAX_CONDITIONS}")));
    }
    conditions.iter().try_for_each(Condition::check)?;
    let Pagination { page, size, sorts } = search.pagination.unwrap_or_default();
    let sorts = match sorts {
        Some(Sorts::One(sort)) => vec![sort],
        Some(Sorts::Many(sorts)) => sorts,
        None => Vec::new(),
    };
    if sorts.len() > MAX_SORTS {
        return Err(Error::invalid("sorts", format!("must be at most {MAX_SORTS}")));
    }
    let mut tx = app.db.read().await?;
    let mut found = candidates(app, &mut tx, caller, &search.kind, &conditions).await?;
    found.retain(|it| conditions.iter().all(|condition| condition.holds(&search.kind, it)));
    condition::sort(&search.kind, &mut found, &sorts);
    Ok(Page::cut(found, Window::new(page, size, !sorts.is_empty())))
}

async fn candidates(
    app: &App,
    tx: &mut Tx,
    caller: &Caller,
    kind: &str,
    conditions: &[Condition],
) -> Result<Vec<Value>> {
    match kind {
        "ApiKey" => values(&own_keys(app, tx, caller).await?),
        "Organization" | "Team" | "Project" => {
            let reach = Reach::load(tx, &caller.asking(Scope::ProjectsRead)?).await?;
            match kind {
                "Organization" => values(&reach.organizations),
                "Team" => values(&reach.teams),
                _ => values(&reach.into_projects()),
            }
        }
        "Execution" => {
            let reach = Reach::load(tx, &caller.asking(Scope::ResultsRead)?).await?;
            values(&executions::candidates(app, tx, reach, &hint(conditions)).await?)
        }
        // There is nothing of the kind on this server, which is an answer.
        kind if OTHER_KINDS.contains(&kind) => Ok(Vec::new()),
        _ => Err(Error::bad_request("unknown_search_type", format!("nothing is called {kind:.40}"))),
    }
}

fn values<T: Serialize>(resources: &[T]) -> Result<Vec<Value>> {
    let values: Result<_, serde_json::Error> = resources.iter().map(serde_json::to_value).collect();
    values.map_err(|error| Error::Internal(error.into()))
}

fn hint(conditions: &[Condition]) -> Hint {
    let wanted = |key: &str| conditions.iter().find_map(|condition| condition.wants(key));
    Hint { project: wanted("Project.id"), number: wanted("order"), id: wanted("id") }
}

async fn own_keys(app: &App, tx: &mut Tx, caller: &Caller) -> Result<Vec<ApiKeyResource>> {
    let filter = keys::Filter { limit: MAX_KEYS, ..keys::Filter::default() };
    let (keys, _) = keys::list(tx, app.clock.now(), caller, &filter).await?;
    Ok(keys.iter().map(ApiKeyResource::new).collect())
}

/// Words that clients may search for and of which this server has nothing.
const OTHER_KINDS: [&str; 95] = [
    "Agent",
    "Baseline",
    "BaselineCollection",
    "BaselineCollectionGroup",
    "Build",
    "BuildStatistics",
    "Checkpoint",
    "CheckpointContent",
    "CheckpointLayout",
    "CheckpointPixel",
    "CiDashboardStatistics",
    "CircleCiAgent",
    "Comment",
    "CustomFieldDefinition",
    "CustomFieldValue",
    "ExecutionAnalysis",
    "ExecutionFile",
    "ExecutionProfile",
    "ExecutionRequest",
    "ExecutionStatistics",
    "ExecutionTestModule",
    "ExecutionTestResult",
    "ExecutionTestResultCategory",
    "ExecutionTestResultException",
    "ExecutionTestResultGroup",
    "ExecutionTestResultTestObjectEntity",
    "ExecutionTestStep",
    "ExecutionTestSuite",
    "ExternalConnection",
    "ExternalDefect",
    "ExternalRequirement",
    "ExternalTraceability",
    "ExternalXrayTest",
    "ExternalXrayTestPlan",
    "Incident",
    "JiraIssue",
    "Job",
    "JobSummary",
    "K8SAgent",
    "KatalonRecorderBackup",
    "KeyesExecution",
    "KobitonConnection",
    "KsSession",
    "LabelLink",
    "LastExecutionTestResultStatistics",
    "LastFailureReasonStatistics",
    "LicenseKey",
    "Machine",
    "Notification",
    "PlatformStatistics",
    "ProjectRequirementStatistic",
    "ProjectStatistics",
    "ProjectStatisticsCustomizeTime",
    "RecentProject",
    "Release",
    "ReleaseStatisticsStatus",
    "RequirementTestRunCoverage",
    "RunConfiguration",
    "RunningTestRun",
    "Scheduler",
    "SimilarFailure",
    "SlackConnection",
    "Tag",
    "TestCase",
    "TestCaseExecution",
    "TestCaseExecutionComparison",
    "TestCaseExecutionComparisonStatistics",
    "TestCaseExecutionStatus",
    "TestCaseFlakiness",
    "TestCaseFlakinessStatistics",
    "TestCasePlatformStatistics",
    "TestCasePriority",
    "TestCaseRequirementStatistic",
    "TestCloudAgent",
    "TestCloudEnvironments",
    "TestCloudMobileDevices",
    "TestCloudTunnel",
    "TestFolder",
    "TestObject",
    "TestObjectEntity",
    "TestProject",
    "TestProjectFile",
    "TestRunPlanning",
    "TestSuite",
    "TestSuiteCollection",
    "TestSuiteCollectionConfiguration",
    "TestSuiteCollectionEntity",
    "TestSuiteTestCase",
    "UserConfiguration",
    "UserInvitation",
    "UserOrganization",
    "UserOrganizationFeature",
    "UserSsoInvitation",
    "UserTeam",
    "WhitelistIp",
];
