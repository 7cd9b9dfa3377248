# Reads encrypted data bag values as Chef does, with Ruby's own OpenSSL, Psych and JSON: a line in, a line out.
#   in:  {"secret": base64, "stored": the value}        or {"yaml": text}
#   out: {"value": the value as JSON} or {"error": class}
require "json"
require "openssl"
require "yaml"

def open_cbc(key, iv, text)
  cipher = OpenSSL::Cipher.new("aes-256-cbc").decrypt
  cipher.key = key
  cipher.iv = iv
  cipher.update(text.unpack1("m")) + cipher.final
end

def load(text)
  value = Psych.safe_load(text.dup.force_encoding("UTF-8"), permitted_classes: [Symbol])
  value.is_a?(Symbol) ? value.to_s : value
end

def open_value(stored, secret)
  key = OpenSSL::Digest::SHA256.digest(secret)
  unless stored.is_a?(Hash)
    cipher = OpenSSL::Cipher.new("aes-256-cbc").decrypt
    cipher.pkcs5_keyivgen(secret)
    return load(cipher.update(stored.unpack1("m")) + cipher.final)
  end
  data = stored["encrypted_data"]
  iv = stored["iv"].unpack1("m")
  case stored["version"]
  when 1, 2
    if stored["version"] == 2
      code = [OpenSSL::HMAC.digest("sha256", secret, data)].pack("m")
      raise "hmac" unless code == stored["hmac"]
    end
    text = open_cbc(key, iv, data)
  when 3
    cipher = OpenSSL::Cipher.new("aes-256-gcm").decrypt
    cipher.key = key
    cipher.iv = iv
    cipher.auth_tag = stored["auth_tag"].unpack1("m")
    cipher.auth_data = ""
    text = cipher.update(data.unpack1("m")) + cipher.final
  end
  JSON.parse(text.force_encoding("UTF-8"))["json_wrapper"]
end

$stdout.sync = true
STDIN.each_line do |line|
  asked = JSON.parse(line)
  begin
    value = asked.key?("yaml") ? load(asked["yaml"]) : open_value(asked["stored"], asked["secret"].unpack1("m"))
    puts JSON.generate({ "value" => value })
  rescue Exception => error # Psych raises what is no StandardError, too
    puts JSON.generate({ "error" => error.class.to_s })
  end
end
