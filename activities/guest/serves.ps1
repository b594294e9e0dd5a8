# probe: serves
#
# Asks inside a Windows machine one of the user's own probes, as serves.sh does, with the same parameters.
# What the user's script prints comes first, cut to its end; the last line is JSON.
# Everything that it meets is data: only the user's script is ever run as code. Windows PowerShell 4 and later.
param(
    [string] $kind = '-',
    [string] $seconds = '10',
    [string] $target_host = '-',
    [string] $target_port = '-',
    [string] $scheme = '-',
    [string] $location = '-',
    [string] $site = '-',
    [string] $verify = '-',
    [string] $wanted = '-',
    [string] $script = '-',
    [string] $arguments = '-'
)

$ErrorActionPreference = 'Stop'
if ($seconds -notmatch '^[1-9][0-9]{0,2}$') { $seconds = '10' }
$wait = [int] $seconds * 1000

function Tell([System.Collections.IDictionary] $answer) { ConvertTo-Json -Compress -InputObject ([pscustomobject] $answer) }

function Get-Plain([string] $encoded) { [System.Text.Encoding]::UTF8.GetString([System.Convert]::FromBase64String($encoded)) }

function Test-Tcp {
    $client = New-Object System.Net.Sockets.TcpClient
    try {
        try { $addresses = @([System.Net.Dns]::GetHostAddresses($target_host)) } catch { $addresses = @() }
        if ($addresses.Count -eq 0) { return 'dns' }
        $connecting = $client.ConnectAsync($target_host, [int] $target_port)
        try { if ($connecting.Wait($wait)) { return 'ok' } else { return 'timeout' } } catch {
            $inner = $_.Exception.GetBaseException()
            if ($inner -is [System.Net.Sockets.SocketException] -and $inner.SocketErrorCode -eq 'ConnectionRefused') { return 'refused' }
            return 'unreachable'
        }
    } finally { $client.Close() }
}

function Get-Http {
    [System.Net.ServicePointManager]::SecurityProtocol = [System.Net.SecurityProtocolType] 3072
    if ($verify -eq 'no') { [System.Net.ServicePointManager]::ServerCertificateValidationCallback = { $true } }
    $address = if ($target_host.Contains(':')) { "[$target_host]" } else { $target_host }
    $request = [System.Net.WebRequest]::CreateHttp([uri] ('{0}://{1}:{2}{3}' -f $scheme, $address, $target_port, $location))
    $request.AllowAutoRedirect = $false
    $request.Proxy = $null
    $request.Timeout = $wait; $request.ReadWriteTimeout = $wait
    if ($site -ne '-') { $request.Host = $site }
    $answer = [ordered] @{ probe = 'http'; result = 'ok'; status = 0; contains = 'unasked' }
    try { $response = $request.GetResponse() } catch {
        $problem = $_.Exception.GetBaseException()
        while ($problem -and $problem -isnot [System.Net.WebException]) { $problem = $problem.InnerException }
        $outer = $_.Exception.InnerException
        if (-not $problem -and $outer -is [System.Net.WebException]) { $problem = $outer }
        $response = if ($problem) { $problem.Response } else { $null }
        if (-not $response) {
            $states = @{ NameResolutionFailure = 'dns'; ConnectFailure = 'refused'; Timeout = 'timeout'; TrustFailure = 'tls'; SecureChannelFailure = 'tls' }
            $state = if ($problem) { [string] $problem.Status } else { '' }
            $answer.result = if ($states.ContainsKey($state)) { $states[$state] } else { 'failed' }
            return $answer
        }
    }
    try {
        $answer.status = [int] $response.StatusCode
        if ($wanted -ne '-') {
            $stream = $response.GetResponseStream()
            $buffer = New-Object byte[] 65536
            $length = 0
            do {
                $read = $stream.Read($buffer, $length, $buffer.Length - $length)
                $length += $read
            } while ($read -gt 0 -and $length -lt $buffer.Length)
            $text = [System.Text.Encoding]::UTF8.GetString($buffer, 0, $length)
            $answer.contains = if ($text.Contains((Get-Plain $wanted))) { 'yes' } else { 'no' }
        }
    } finally { $response.Close() }
    return $answer
}

function Get-Quoted([string] $text) { '"' + ($text -replace '(\\*)"', '$1$1\"' -replace '(\\+)$', '$1$1') + '"' }

function Invoke-Command-Probe {
    $file = Join-Path ([System.IO.Path]::GetTempPath()) ('probe-' + [guid]::NewGuid().ToString('N') + '.ps1')
    # With its mark, since Windows PowerShell takes a file without one for the system's own code page.
    [System.IO.File]::WriteAllText($file, (Get-Plain $script), (New-Object System.Text.UTF8Encoding $true))
    try {
        $given = @()
        if ($arguments -ne '-') { $given = @($arguments.Split(',') | ForEach-Object { Get-Quoted (Get-Plain $_.Substring(1)) }) }
        $start = New-Object System.Diagnostics.ProcessStartInfo 'powershell.exe'
        $start.Arguments = (@('-NoProfile', '-NonInteractive', '-ExecutionPolicy', 'Bypass', '-File', (Get-Quoted $file)) + $given) -join ' '
        $start.UseShellExecute = $false
        $start.RedirectStandardOutput = $true; $start.RedirectStandardError = $true
        $process = [System.Diagnostics.Process]::Start($start)
        $out = $process.StandardOutput.ReadToEndAsync(); $err = $process.StandardError.ReadToEndAsync()
        $code = 124
        if ($process.WaitForExit($wait)) { $process.WaitForExit(); $code = $process.ExitCode } else { $process.Kill() }
        $said = if ($out.Wait(2000) -and $err.Wait(2000)) { $out.Result + $err.Result } else { '' }
        if ($said.Length -gt 1500) { $said = $said.Substring($said.Length - 1500) }
        $said
        Tell ([ordered] @{ probe = 'command'; exit_code = $code })
    } finally { Remove-Item -LiteralPath $file -Force -ErrorAction SilentlyContinue }
}

switch ($kind) {
    'tcp' { Tell ([ordered] @{ probe = 'tcp'; result = (Test-Tcp) }) }
    'http' { Tell (Get-Http) }
    'command' { Invoke-Command-Probe }
}
