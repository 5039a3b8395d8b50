# Formats of .NET's test tools. NUnit 2 is run itself, on Mono; the others are written by reporters for other languages,
# as no .NET is at hand.

make_nunit2() {
  mkdir -p "$work/nunit2" && cd "$work/nunit2" || return
  cat >Cart.cs <<'CS'
using System;
using NUnit.Framework;

namespace Shop {
  [TestFixture, Category("smoke")]
  public class CartTest {
    [Test, Description("Adds one item")] public void Adds() { Console.WriteLine("out <&> ]]>"); }
    [Test] public void Fails() { Assert.AreEqual("a<b", "a&b", "they differ"); }
    [Test] public void Throws() { throw new InvalidOperationException("boom \u00e9"); }
    [Test, Ignore("not <today>")] public void Ignored() { }
    [Test] public void Inconclusive() { Assert.Inconclusive("cannot tell"); }
    [TestCase(1, "x.y"), TestCase(2, "(z)"), Category("data")] public void Values(int n, string s) { Assert.AreNotEqual(2, n); }
    [Test, Property("Owner", "anna")] public void Owned() { }
  }

  [TestFixture]
  public class BrokenTest {
    [TestFixtureSetUp] public void SetUp() { throw new Exception("no set-up"); }
    [Test] public void Never() { }
  }
}
CS
  local nunit
  nunit=$(find /usr/lib/cli -name nunit.framework.dll | head -1)
  mcs -target:library -r:"$nunit" -out:Shop.dll Cart.cs >"$work/log" 2>&1 || tail -5 "$work/log" >&2
  cp "$nunit" .
  nunit-console -nologo -xml:TestResult.xml Shop.dll >"$work/log" 2>&1
  keep nunit2 TestResult.xml
}

make_pytest_nunit() {
  python_tests pytest pytest-nunit
  pytest_shop
  venv/bin/pytest -q --nunit-xml=nunit.xml >/dev/null 2>&1
  keep pytest-nunit nunit.xml
}

make_jest_nunit() {
  node_tests jest@29 jest-nunit-reporter
  jest_spec
  npx jest --testResultsProcessor=jest-nunit-reporter >/dev/null 2>&1
  keep jest-nunit test-report.xml
}

make_trx() {
  node_tests jest@29 jest-trx-results-processor mocha@10 mocha-trx-reporter
  jest_spec
  echo 'syntax error here(' >broken.test.js
  cat >jest.config.js <<'JS'
module.exports = { reporters: [['jest-trx-results-processor', { outputFile: 'jest.trx', defaultUserName: 'ci' }]] };
JS
  npx jest >/dev/null 2>&1
  mocha_spec
  npx mocha --reporter mocha-trx-reporter >mocha.trx 2>/dev/null
  keep trx jest.trx mocha.trx ./*.trx
}

make_xunit2() {
  node_tests jest@29 jest-xunit
  jest_spec
  cat >jest.config.js <<'JS'
module.exports = { reporters: [['jest-xunit', { traitsRegex: [{ regex: /(quoted|diff)/g, name: 'Category' }] }]] };
JS
  npx jest >/dev/null 2>&1
  keep jest-xunit test-report.xml
}
