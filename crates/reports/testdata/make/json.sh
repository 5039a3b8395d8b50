# Cucumber, Playwright, Mochawesome, Allure and CTRF.

shop_feature() {
  mkdir -p features && cat >features/cart.feature <<'GHERKIN'
@shop
Feature: Cart <&>
  What one can do
  with a cart

  Background:
    Given a cart

  @smoke @SHOP-1
  Scenario: Adds an item
    When I add 1 items
    Then it holds 1 items

  Scenario: Fails
    When I add 2 items
    Then it holds 3 items
    And it holds 2 items

  Scenario: Undefined
    When nobody knows this step

  Scenario: Pending
    When it is pending

  Scenario: Attaches
    When it attaches a picture
      | a | b |
      | 1 | 2 |

  Scenario Outline: Many
    When I add <n> items
    Then it holds <m> items

    Examples:
      | n | m |
      | 1 | 1 |
      | 2 | 5 |

  @flaky
  Scenario: Flaky
    When it fails at first
GHERKIN
  printf 'Feature: Skips\n  @skip\n  Scenario: Later\n    Given a cart\n' >features/skips.feature
}

make_cucumber_js() {
  node_tests @cucumber/cucumber
  shop_feature
  mkdir -p features/step_definitions && cat >features/step_definitions/steps.js <<'JS'
const { Given, When, Then, Before, After } = require('@cucumber/cucumber');
const assert = require('assert');
let n = 0;
let tries = 0;
Before(function () { n = 0; });
Before({ tags: '@skip' }, () => 'skipped');
After(function () {});
Given('a cart', function () { this.log('a log line'); });
When('I add {int} items', (k) => { n += k; });
Then('it holds {int} items', (k) => { assert.strictEqual(n, k); });
When('it is pending', () => 'pending');
When('it attaches a picture', function (table) { this.attach(Buffer.from('89504e470d0a1a0a', 'hex'), 'image/png'); this.attach('some <text>', 'text/plain'); });
When('it fails at first', () => { if (tries++ < 1) throw new Error('first time'); });
JS
  npx cucumber-js --retry 1 --retry-tag-filter @flaky -f json:cucumber.json -f message:messages.ndjson -f junit:junit.xml >/dev/null 2>&1
  keep cucumber-js cucumber.json messages.ndjson junit.xml
}

make_cucumber_jvm() {
  mkdir -p "$work/cukes/src/test/java/shop" "$work/cukes/src/test/resources/shop" && cd "$work/cukes" || return
  shop_feature
  cp features/*.feature src/test/resources/shop/
  cat >pom.xml <<'XML'
<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>
<groupId>shop</groupId><artifactId>shop</artifactId><version>1</version>
<properties><maven.compiler.source>17</maven.compiler.source><maven.compiler.target>17</maven.compiler.target><project.build.sourceEncoding>UTF-8</project.build.sourceEncoding></properties>
<dependencies>
<dependency><groupId>io.cucumber</groupId><artifactId>cucumber-java</artifactId><version>7.20.1</version><scope>test</scope></dependency>
<dependency><groupId>io.cucumber</groupId><artifactId>cucumber-junit-platform-engine</artifactId><version>7.20.1</version><scope>test</scope></dependency>
<dependency><groupId>org.junit.platform</groupId><artifactId>junit-platform-suite</artifactId><version>1.11.4</version><scope>test</scope></dependency>
</dependencies>
<build><plugins><plugin><artifactId>maven-surefire-plugin</artifactId><version>3.5.2</version><configuration><testFailureIgnore>true</testFailureIgnore></configuration></plugin></plugins></build></project>
XML
  cat >src/test/java/shop/RunTest.java <<'JAVA'
package shop;

import org.junit.platform.suite.api.*;

@Suite
@IncludeEngines("cucumber")
@SelectClasspathResource("shop")
@ConfigurationParameter(key = "cucumber.plugin", value = "json:cucumber.json,message:messages.ndjson")
@ConfigurationParameter(key = "cucumber.glue", value = "shop")
public class RunTest {}
JAVA
  cat >src/test/java/shop/Steps.java <<'JAVA'
package shop;

import io.cucumber.datatable.DataTable;
import io.cucumber.java.*;
import io.cucumber.java.en.*;

public class Steps {
  int n;
  Scenario scenario;
  @Before public void before(Scenario s) { scenario = s; }
  @Before("@skip") public void skip() { throw new org.opentest4j.TestAbortedException("not today"); }
  @After public void after() {}
  @Given("a cart") public void cart() { scenario.log("a log line"); }
  @When("I add {int} items") public void add(int k) { n += k; }
  @Then("it holds {int} items") public void holds(int k) { if (n != k) throw new AssertionError("expected " + k + " but was " + n); }
  @When("it is pending") public void pending() { throw new PendingException("to be done"); }
  @When("it attaches a picture") public void attach(DataTable t) { scenario.attach(new byte[] {(byte) 0x89, 'P', 'N', 'G'}, "image/png", "shot"); scenario.attach("some <text>", "text/plain", "note"); }
  @When("it fails at first") public void flaky() { throw new IllegalStateException("first time"); }
}
JAVA
  mvn -q -B test >"$work/log" 2>&1 || head -12 "$work/log" >&2
  cp target/surefire-reports/TEST-shop.RunTest.xml junit.xml
  keep cucumber-jvm cucumber.json messages.ndjson junit.xml
}

make_behave() {
  python_tests behave
  shop_feature
  mkdir -p features/steps && cat >features/steps/steps.py <<'PY'
from behave import given, when, then

@given('a cart')
def cart(context): context.n = 0

@when('I add {n:d} items')
def add(context, n): context.n += n

@then('it holds {n:d} items')
def holds(context, n): assert context.n == n, 'holds %d' % context.n

@when('it attaches a picture')
def attach(context): context.attach('image/png', b'\x89PNG')

@when('it fails at first')
def flaky(context): raise ValueError('first time')
PY
  venv/bin/behave -f json -o behave.json --no-summary --tags='not @skip' >/dev/null 2>&1
  keep behave behave.json
}

playwright_spec() {
  cat >cart.spec.ts <<'TS'
import { test, expect } from '@playwright/test';
test.describe('cart <&>', () => {
  test('adds', { tag: '@smoke', annotation: { type: 'issue', description: 'https://example.com/SHOP-1' } }, async ({}, info) => {
    console.log('hello'); console.error('oops');
    await test.step('outer', async () => { await test.step('inner', async () => {}); });
    await info.attach('note', { body: 'some text', contentType: 'text/plain' });
    require('fs').writeFileSync(info.outputPath('shot.png'), Buffer.from('89504e470d0a1a0a', 'hex'));
    await info.attach('shot', { path: info.outputPath('shot.png'), contentType: 'image/png' });
  });
  test('fails', async () => { await test.step('compare', async () => { expect({ a: 1 }).toEqual({ a: 2 }); }); });
  test('flaky', async ({}, info) => { if (info.retry === 0) throw new Error('first time'); });
  test.skip('skipped', async () => {});
  test('fixme', async () => { test.fixme(true, 'not today'); });
  test('known', async () => { test.fail(); expect(1).toBe(2); });
  test('slow', async () => { test.setTimeout(300); await new Promise((done) => setTimeout(done, 2000)); });
});
test('outside', async () => { expect.soft(1).toBe(2); expect.soft(3).toBe(4); });
TS
  printf "import { test } from '@playwright/test';\ntest.beforeAll(() => { throw new Error('no set-up'); });\ntest('never', async () => {});\n" >broken.spec.ts
  cat >playwright.config.ts <<'TS'
import { defineConfig } from '@playwright/test';
export default defineConfig({
  retries: 1, workers: 2,
  projects: [{ name: 'chromium' }, { name: 'firefox', grep: /adds/ }],
  reporter: [['json', { outputFile: 'results.json' }], ['junit', { outputFile: 'junit.xml', includeRetries: true }], ['blob', { outputDir: 'blob' }], ['playwright-ctrf-json-reporter', { outputFile: 'ctrf.json', outputDir: '.' }], ['allure-playwright', { resultsDir: 'allure' }]],
});
TS
}

make_playwright() {
  node_tests @playwright/test@1.30.0
  playwright_spec
  sed -i -e "s#test('adds', {.*}, async#test('adds', async#" cart.spec.ts
  sed -i -e "s#\['blob'.*#]#" playwright.config.ts
  npx playwright test >"$work/log" 2>&1 || true
  cp results.json results-1.30.json
  cp junit.xml junit-1.30.xml
  keep playwright results-1.30.json junit-1.30.xml
  node_tests @playwright/test@1.65.1 playwright-ctrf-json-reporter allure-playwright@3
  playwright_spec
  npx playwright test >"$work/log" 2>&1 || true
  cp results.json results-1.65.json
  cp junit.xml junit-1.65.xml
  keep playwright results-1.65.json junit-1.65.xml
  cp ctrf.json playwright.json && keep ctrf playwright.json
  keep allure-playwright allure/*
  # The blob tells of paths of this machine only within itself: it is packed again without them.
  mkdir -p packed/resources && cd packed || return
  unzip -q ../blob/report.zip
  sed -i -e "s#$work#/home/ci/project#g" report.jsonl
  mkdir -p "$here/playwright-blob" && rm -f "$here/playwright-blob/report.zip"
  python3 - "$here/playwright-blob/report.zip" <<'PY'
import os, sys, zipfile
with zipfile.ZipFile(sys.argv[1], 'w', zipfile.ZIP_DEFLATED) as out:
    for name in sorted(os.listdir('resources')): out.write('resources/' + name)
    out.write('report.jsonl')
PY
}

make_mochawesome() {
  node_tests mocha@10 mochawesome
  mocha_spec
  cat >test/context.js <<'JS'
const addContext = require('mochawesome/addContext');
describe('Context', function () {
  it('adds', function () { addContext(this, 'plain text'); addContext(this, { title: 'object', value: { a: 1 } }); });
  it.skip('skipped', function () {});
  afterEach(function () { addContext(this, './assets/shot.png'); });
});
JS
  npx mocha --reporter mochawesome --reporter-options reportDir=.,reportFilename=mochawesome,html=false >/dev/null 2>&1
  keep mochawesome mochawesome.json
}

make_allure_pytest() {
  python_tests pytest allure-pytest pytest-rerunfailures
  cat >test_shop.py <<'PY'
import allure
import pytest

@pytest.fixture
def shop():
    with allure.step("open the shop"):
        yield 1

@pytest.fixture
def broken():
    raise OSError("no set-up")

@allure.epic("Shop")
@allure.feature("Cart")
@allure.story("Adding")
@allure.title("Adds {n}")
@allure.severity(allure.severity_level.CRITICAL)
@allure.tag("smoke")
@allure.issue("SHOP-1", "a bug")
@allure.testcase("https://example.com/cases/1")
@allure.description("Adds *one*")
@pytest.mark.parametrize("n", [1, 2])
def test_adds(shop, n):
    with allure.step("outer"):
        with allure.step("inner %d" % n):
            allure.attach("some <text>", "note", allure.attachment_type.TEXT)
        allure.attach(b"\x89PNG\r\n\x1a\n", "shot", allure.attachment_type.PNG)
    assert n == 1, "they differ"

def test_broken(broken): pass

@pytest.mark.skip(reason="not today")
def test_skipped(): pass

@pytest.mark.xfail(reason="known")
def test_known(): assert False

tries = []
@pytest.mark.flaky(reruns=2)
def test_flaky():
    tries.append(1)
    assert len(tries) > 1
PY
  venv/bin/pytest -q --alluredir=results >/dev/null 2>&1
  printf 'browser=chromium\nos = linux\n' >results/environment.properties
  keep allure-pytest results/*
}

make_allure_vitest() {
  node_tests vitest@3 allure-vitest
  jest_spec
  cat >vitest.config.js <<'JS'
export default { test: { globals: true, setupFiles: ['allure-vitest/setup'], retry: 1, reporters: ['default', ['allure-vitest/reporter', { resultsDir: 'results' }]] } };
JS
  npx vitest run >/dev/null 2>&1
  keep allure-vitest results/*
}

make_allure_junit5() {
  mkdir -p "$work/allure/src/test/java/shop" "$work/allure/src/test/resources" && cd "$work/allure" || return
  cat >pom.xml <<'XML'
<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>
<groupId>shop</groupId><artifactId>shop</artifactId><version>1</version>
<properties><maven.compiler.source>17</maven.compiler.source><maven.compiler.target>17</maven.compiler.target><project.build.sourceEncoding>UTF-8</project.build.sourceEncoding></properties>
<dependencies><dependency><groupId>org.junit.jupiter</groupId><artifactId>junit-jupiter</artifactId><version>5.11.4</version><scope>test</scope></dependency>
<dependency><groupId>io.qameta.allure</groupId><artifactId>allure-junit5</artifactId><version>2.29.1</version><scope>test</scope></dependency></dependencies>
<build><plugins><plugin><artifactId>maven-surefire-plugin</artifactId><version>3.5.2</version>
<configuration><rerunFailingTestsCount>1</rerunFailingTestsCount><testFailureIgnore>true</testFailureIgnore><properties><configurationParameters>junit.jupiter.extensions.autodetection.enabled=true</configurationParameters></properties><systemPropertyVariables><allure.results.directory>${project.basedir}/results</allure.results.directory></systemPropertyVariables></configuration></plugin></plugins></build></project>
XML
  cat >src/test/java/shop/CartTest.java <<'JAVA'
package shop;

import static org.junit.jupiter.api.Assertions.*;
import io.qameta.allure.*;
import org.junit.jupiter.api.*;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

@Epic("Shop") @Owner("anna")
class CartTest {
  static int tries;
  @BeforeEach void before() { Allure.step("prepare"); }
  @AfterEach void after() {}
  @Test @Severity(SeverityLevel.BLOCKER) @Link("https://example.com/doc") @Description("Adds one") void adds() {
    Allure.step("outer", () -> { Allure.step("inner", () -> Allure.addAttachment("note", "some <text>")); Allure.parameter("n", 1); });
  }
  @Test void fails() { Allure.step("compare", () -> assertEquals(1, 2, "they differ")); }
  @Test void flaky() { if (tries++ < 1) throw new IllegalStateException("first time"); }
  @Test @Disabled("not today") void off() {}
  @ParameterizedTest @ValueSource(strings = {"x", "y"}) void values(String s) { assertNotEquals("x", s); }
}
JAVA
  mvn -q -B test >"$work/log" 2>&1 || head -12 "$work/log" >&2
  keep allure-junit5 results/*
}

make_ctrf() {
  node_tests jest@29 jest-ctrf-json-reporter mocha@10 mocha-ctrf-json-reporter vitest@3 @d2t/vitest-ctrf-json-reporter
  jest_spec
  cat >jest.config.js <<'JS'
module.exports = { reporters: [['jest-ctrf-json-reporter', { outputDir: '.', outputFile: 'jest.json', appName: 'shop', buildName: 'shop', buildNumber: '7', buildUrl: 'https://ci.example.com/7', testEnvironment: 'staging' }]] };
JS
  npx jest >/dev/null 2>&1
  rm jest.config.js
  npx vitest run --globals --reporter=@d2t/vitest-ctrf-json-reporter >/dev/null 2>&1
  cp ctrf/ctrf-report.json vitest.json
  rm -rf ctrf
  mocha_spec
  npx mocha --reporter mocha-ctrf-json-reporter >/dev/null 2>&1
  cp ctrf/ctrf-report.json mocha.json
  keep ctrf jest.json vitest.json mocha.json
  python_tests pytest pytest-json-ctrf pytest-rerunfailures
  pytest_shop
  venv/bin/pytest -q --ctrf pytest.json >/dev/null 2>&1
  keep ctrf pytest.json
}
