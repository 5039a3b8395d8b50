#!/usr/bin/env bash
# Makes the reports in this folder by running the producers on small tests that are meant to fail in telling ways.
# Needs node, python3, go, java with maven, and their usual registries. Run it with the names of producers to remake
# some only. Paths, hosts and users of the machine are taken out of what it writes.
set -uo pipefail
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# keep PRODUCER FILE... : stores files without the traces of this machine.
keep() {
  local producer=$1 file
  shift
  mkdir -p "$here/$producer"
  for file in "$@"; do
    [ -f "$file" ] || { echo "$producer wrote no $file" >&2; continue; }
    sed -E -e "s#$work#/home/ci/project#g" -e "s#(file://)?${HOME}[A-Za-z0-9._/-]*#/home/ci#g" \
      -e "s#/tmp/[A-Za-z0-9._/-]*#/home/ci/build#g" \
      -e "s#(\"?(host|hostname)\"?[=:] ?)\"[^\"]*\"#\1\"build-host\"#g" \
      -e "s#(computerName|runUser|machine-name|user-domain|computer|user)=\"[^\"]*\"#\1=\"build-host\"#g" \
      -e "s#(root|ci)@[a-z]+#ci@build-host#g" \
      -e "s#(\"name\": ?\"(host|thread)\", ?\"value\": ?\")[^\"]*\"#\1build-host\"#g" \
      -e "s#(\"thread\": ?\")[^\"]*\"#\1build-host.MainThread(1)\"#g" \
      -e 's#name="(user\.[a-z]+|java\.(home|class\.path|io\.tmpdir|library\.path)|sun\.[a-z.]+|env\.[A-Za-z_]+|surefire[a-z.]*class\.path|os\.version|basedir|maven[A-Za-z.]*|localRepository)" value="[^"]*"#name="\1" value="-"#g' \
      "$file" >"$here/$producer/$(basename "$file")"
  done
}

python_tests() {
  rm -rf "$work/py" && mkdir -p "$work/py" && cd "$work/py" || return
  python3 -m venv venv >/dev/null && venv/bin/pip -q install "$@" >/dev/null 2>&1
}

pytest_shop() {
  cat >test_shop.py <<'PY'
import sys
import pytest

class TestCart:
    def test_adds(self, record_property):
        record_property("test_key", "SHOP-1")
        print("out <&>\x1b[31mred\x1b[0m")
        print("err \x07 bell", file=sys.stderr)

    def test_fails(self):
        expected = {"a": "<b> & \"c\" ]]>"}
        assert expected == {"a": "\u00e9\U0001f600"}

@pytest.mark.parametrize("n", [1, 2, "a/b[1]", "sp ace", "x\ny"])
def test_values(n):
    assert n != 2

@pytest.mark.skip(reason="not <today>")
def test_skipped(): pass

@pytest.mark.xfail(reason="known")
def test_known(): assert False

@pytest.fixture
def broken():
    yield 1
    raise RuntimeError("teardown broke")

def test_fails_twice(broken): assert False

@pytest.fixture
def unready(): raise OSError("no set-up")

def test_unready(unready): pass

tries = []
@pytest.mark.flaky(reruns=2)
def test_flaky():
    tries.append(1)
    assert len(tries) > 1
PY
}

make_pytest() {
  python_tests pytest pytest-rerunfailures
  pytest_shop
  venv/bin/pytest -q --junitxml=xunit2.xml >/dev/null
  venv/bin/pytest -q --junitxml=xunit1.xml -o junit_family=xunit1 -o junit_logging=all >/dev/null
  keep pytest xunit1.xml xunit2.xml
}

make_unittest() {
  python_tests unittest-xml-reporting
  cat >test_tricky.py <<'PY'
import unittest

class T(unittest.TestCase):
    def test_ok(self): print("fine ]]> so far")
    def test_bad(self): self.assertEqual("two\nlines", "one line <&>")
    @unittest.skip("later")
    def test_skip(self): pass
    @unittest.expectedFailure
    def test_expected(self): self.fail("as expected")
    def test_sub(self):
        for i in range(3):
            with self.subTest(i=i): self.assertNotEqual(i, 1)
    def test_boom(self): raise ValueError("boom\x1b[0m")
PY
  venv/bin/python -m xmlrunner test_tricky --output-file unittest.xml >/dev/null 2>&1
  keep unittest unittest.xml
}

make_robot() {
  python_tests robotframework
  mkdir -p shop/inner && cat >shop/cart.robot <<'ROBOT'
*** Test Cases ***
Adds An Item
    Log    hello
Fails With Message
    Fail    Expected 1 <item> & got 2
Skipped One
    Skip    not on this machine
ROBOT
  cp shop/cart.robot shop/inner/deep.robot
  venv/bin/robot --xunit robot.xml --output NONE --report NONE --log NONE shop >/dev/null
  keep robot robot.xml
}

node_tests() {
  rm -rf "$work/js" && mkdir -p "$work/js" && cd "$work/js" || return
  npm init -y >/dev/null && npm install --silent --no-fund --no-audit "$@" >/dev/null 2>&1
}

jest_spec() {
  cat >cart.test.js <<'JS'
let tries = 0;
describe('cart <&>', () => {
  test('adds', () => { console.log('hello'); });
  test('fails with diff', () => { expect({ a: 1, b: '\u001b]]>' }).toEqual({ a: 2, b: 'x' }); });
  test.skip('skipped', () => {});
  test.todo('later');
  describe('inner', () => { test('deep "quoted" 😀', () => { throw new TypeError('boom & bust'); }); });
});
test('outside', () => {});
JS
}

make_jest() {
  node_tests jest jest-junit
  jest_spec
  echo 'syntax error here(' >broken.test.js
  JEST_JUNIT_REPORT_TEST_SUITE_ERRORS=true npx jest --reporters=jest-junit >/dev/null 2>&1
  keep jest junit.xml
}

make_vitest() {
  node_tests vitest
  jest_spec
  npx vitest run --globals --reporter=junit --outputFile=vitest.xml >/dev/null 2>&1
  keep vitest vitest.xml
}

mocha_spec() {
  mkdir -p test && cat >test/cart.js <<'JS'
const assert = require('assert');
describe('Outer', function () {
  let tries = 0;
  it('ok', function () {});
  it('bad <&> 😀', function () { assert.strictEqual('a]]>', 'b'); });
  it('pending one');
  it('flaky', function () { this.retries(2); if (tries++ < 1) throw new Error('once'); });
  describe('Inner', function () {
    before(function () { if (process.env.NEVER) throw new Error('hook'); });
    it('deep', function () {});
  });
  describe('Hooked', function () {
    before(function () { throw new Error('no set-up'); });
    it('never runs', function () {});
  });
});
JS
}

make_mocha() {
  node_tests mocha@11 mocha-junit-reporter
  mocha_spec
  MOCHA_FILE=mocha-junit-reporter.xml npx mocha --reporter mocha-junit-reporter >/dev/null 2>&1
  npx mocha --reporter xunit --reporter-option output=xunit.xml >/dev/null 2>&1
  keep mocha mocha-junit-reporter.xml xunit.xml
}

make_node() {
  mkdir -p "$work/nodetest" && cd "$work/nodetest" || return
  cat >shop.test.mjs <<'JS'
import { describe, it, test } from 'node:test';
import assert from 'node:assert';
describe('shop', () => {
  it('adds', () => {});
  it('fails', () => { assert.deepStrictEqual({ a: '<' }, { a: '&' }); });
  it('skips', { skip: 'not "today"' }, () => {});
  describe('inner', () => { it('deep', () => {}); });
});
test('top level', async (t) => { await t.test('child', () => {}); });
test('todo', { todo: true }, () => { throw new Error('expected'); });
JS
  node --test --test-reporter=junit --test-reporter-destination=node.xml shop.test.mjs >/dev/null 2>&1
  keep node node.xml
}

make_surefire() {
  mkdir -p "$work/mvn/src/test/java/shop" && cd "$work/mvn" || return
  cat >pom.xml <<'XML'
<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>
<groupId>shop</groupId><artifactId>shop</artifactId><version>1</version>
<properties><maven.compiler.source>17</maven.compiler.source><maven.compiler.target>17</maven.compiler.target><project.build.sourceEncoding>UTF-8</project.build.sourceEncoding></properties>
<dependencies><dependency><groupId>org.junit.jupiter</groupId><artifactId>junit-jupiter</artifactId><version>5.11.4</version><scope>test</scope></dependency></dependencies>
<build><plugins><plugin><artifactId>maven-surefire-plugin</artifactId><version>3.5.2</version>
<configuration><rerunFailingTestsCount>2</rerunFailingTestsCount><testFailureIgnore>true</testFailureIgnore></configuration></plugin></plugins></build></project>
XML
  cat >src/test/java/shop/CartTest.java <<'JAVA'
package shop;

import static org.junit.jupiter.api.Assertions.*;
import org.junit.jupiter.api.*;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class CartTest {
  static int tries;
  @Test void adds() { System.out.println("out <&> ]]> \u001b[31mred"); System.err.println("err"); }
  @Test void alwaysFails() { assertEquals("a\nb", "c", "they differ & \"how\""); }
  @Test void flaky() { System.out.println("try " + tries); if (tries++ < 1) throw new IllegalStateException("first time"); }
  @Test @Disabled("not <now>") void off() {}
  @ParameterizedTest @ValueSource(strings = {"x", "y<z"}) void values(String s) { assertNotEquals("x", s); }
}
JAVA
  cat >src/test/java/shop/BrokenTest.java <<'JAVA'
package shop;

import org.junit.jupiter.api.*;

class BrokenTest {
  @BeforeAll static void before() { throw new IllegalStateException("no set-up"); }
  @Test void never() {}
}
JAVA
  mvn -q -B test >"$work/log" 2>&1 || head -12 "$work/log" >&2
  keep surefire target/surefire-reports/TEST-shop.CartTest.xml target/surefire-reports/TEST-shop.BrokenTest.xml
}

make_gotestsum() {
  mkdir -p "$work/go" && cd "$work/go" || return
  go mod init example.com/shop >/dev/null 2>&1
  cat >shop_test.go <<'GO'
package shop

import "testing"

func TestAdds(t *testing.T) { t.Log("fine") }
func TestTable(t *testing.T) {
	for _, name := range []string{"one", "two <&>"} {
		t.Run(name, func(t *testing.T) {
			if name != "one" {
				t.Errorf("got %q", name)
			}
		})
	}
}
func TestSkips(t *testing.T) { t.Skip("not today") }
func TestPanics(t *testing.T) { var m map[string]int; m["a"] = 1 }
GO
  GOFLAGS=-mod=mod go run gotest.tools/gotestsum@v1.13.0 --junitfile gotestsum.xml ./... >"$work/log" 2>&1 || tail -5 "$work/log" >&2
  keep gotestsum gotestsum.xml
}

# The TestOps reporters write their folder first and upload it then; a closed port leaves the folder.
closed=http://127.0.0.1:9

make_testops_jest() {
  node_tests jest@26 @katalon/testops-jest
  jest_spec
  echo "{\"serverUrl\":\"$closed\",\"apiKey\":\"k\",\"projectId\":1,\"reportFolder\":\"testops-report\"}" >testops-config.json
  TESTOPS_BASE_PATH=$closed TESTOPS_API_KEY=k TESTOPS_PROJECT_ID=1 timeout 60 npx jest --reporters=@katalon/testops-jest >/dev/null 2>&1
  keep testops-jest testops-report/*.json
}

make_testops_mocha() {
  node_tests mocha@9 @katalon/testops-mocha
  mocha_spec
  echo "{\"serverUrl\":\"$closed\",\"apiKey\":\"k\",\"projectId\":1,\"reportFolder\":\"testops-report\"}" >testops-config.json
  TESTOPS_BASE_PATH=$closed TESTOPS_API_KEY=k TESTOPS_PROJECT_ID=1 timeout 60 npx mocha --reporter @katalon/testops-mocha >/dev/null 2>&1
  keep testops-mocha testops-report/*.json
}

make_testops_pytest() {
  python_tests pytest testops-pytest setuptools
  cat >test_a.py <<'PY'
import pytest

class TestC:
    @pytest.mark.parametrize("n", [1, 2])
    def test_p(self, n): assert n == 1

@pytest.mark.skip(reason="not today")
def test_skipped(): pass

@pytest.fixture
def unready(): raise OSError("no set-up")

def test_unready(unready): pass
PY
  echo "{\"basePath\":\"$closed\",\"apiKey\":\"k\",\"projectId\":1,\"reportFolder\":\"testops-report\"}" >testops-config.json
  timeout 60 venv/bin/python -m pytest -q -p testops_pytest.listener >"$work/log" 2>&1 || tail -3 "$work/log" >&2
  keep testops-pytest testops-report/*.json
}

for part in "$here"/make/*.sh; do
  . "$part"
done

all="pytest unittest robot jest vitest mocha node surefire gotestsum testops_jest testops_mocha testops_pytest"
all+=" testng robot_output gotest libtest tap nunit2 pytest_nunit jest_nunit trx xunit2"
all+=" cucumber_js cucumber_jvm behave playwright mochawesome allure_pytest allure_vitest allure_junit5 ctrf"
all+=" gtest catch2 ctest phpunit rspec minitest go_junit_report bats_junit python_junit surefire_old js_junit"
for producer in ${@:-$all}; do
  (make_"$producer")
done
