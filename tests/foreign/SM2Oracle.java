// BouncyCastle's opinion of SM2: a question a line on standard input, an answer a line on standard output.
//
//   verify KEY ID DATA SIGNATURE            -> true | false    KEY: SubjectPublicKeyInfo
//   sign KEY ID DATA                        -> the signature   KEY: PrivateKeyInfo
//   path MILLISECONDS ANCHOR CERTIFICATE,... CRL,...  -> true | false and why (the leaf first)
//   cms SIGNED-DATA CERTIFICATE                       -> true | false
//   ocsp RESPONSE RESPONDER CERTIFICATE ISSUER        -> good | revoked | unknown | invalid
//
// Octets are hexadecimal, and "-" for none.

import java.io.BufferedReader;
import java.io.ByteArrayInputStream;
import java.io.InputStreamReader;
import java.io.PrintWriter;
import java.math.BigInteger;
import java.nio.charset.StandardCharsets;
import java.security.KeyFactory;
import java.security.PrivateKey;
import java.security.PublicKey;
import java.security.Security;
import java.security.Signature;
import java.security.cert.CertPathValidator;
import java.security.cert.CertStore;
import java.security.cert.CertificateFactory;
import java.security.cert.CollectionCertStoreParameters;
import java.security.cert.PKIXParameters;
import java.security.cert.TrustAnchor;
import java.security.cert.X509Certificate;
import java.security.spec.PKCS8EncodedKeySpec;
import java.security.spec.X509EncodedKeySpec;
import java.util.ArrayList;
import java.util.Date;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.bouncycastle.cert.X509CertificateHolder;
import org.bouncycastle.cert.ocsp.BasicOCSPResp;
import org.bouncycastle.cert.ocsp.CertificateID;
import org.bouncycastle.cert.ocsp.CertificateStatus;
import org.bouncycastle.cert.ocsp.OCSPResp;
import org.bouncycastle.cert.ocsp.RevokedStatus;
import org.bouncycastle.cert.ocsp.SingleResp;
import org.bouncycastle.cms.CMSException;
import org.bouncycastle.cms.CMSSignedData;
import org.bouncycastle.cms.SignerInformation;
import org.bouncycastle.cms.jcajce.JcaSimpleSignerInfoVerifierBuilder;
import org.bouncycastle.jcajce.spec.SM2ParameterSpec;
import org.bouncycastle.jce.provider.BouncyCastleProvider;
import org.bouncycastle.operator.jcajce.JcaContentVerifierProviderBuilder;
import org.bouncycastle.operator.jcajce.JcaDigestCalculatorProviderBuilder;
import org.bouncycastle.util.encoders.Hex;

public class SM2Oracle {
    private static final Map<String, PublicKey> publicKeys = new HashMap<>();
    private static final Map<String, PrivateKey> privateKeys = new HashMap<>();

    public static void main(String[] arguments) throws Exception {
        Security.addProvider(new BouncyCastleProvider());
        BufferedReader input = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.US_ASCII));
        PrintWriter output = new PrintWriter(System.out);
        for (String line = input.readLine(); line != null; line = input.readLine()) {
            output.println(answer(line.split(" ")));
            if (!input.ready()) {
                output.flush();
            }
        }
        output.flush();
    }

    private static String answer(String[] words) throws Exception {
        switch (words[0]) {
            case "verify": return verify(words);
            case "sign": return sign(words);
            case "path": return validatePath(words);
            case "cms": return verifyMessage(words);
            case "ocsp": return status(words);
            default: return "unknown question";
        }
    }

    private static byte[] octets(String word) {
        return word.equals("-") ? new byte[0] : Hex.decode(word);
    }

    private static Signature signature(String identifier) throws Exception {
        Signature signature = Signature.getInstance("SM3withSM2", "BC");
        signature.setParameter(new SM2ParameterSpec(octets(identifier)));
        return signature;
    }

    private static String verify(String[] words) throws Exception {
        if (!publicKeys.containsKey(words[1])) {
            X509EncodedKeySpec encoded = new X509EncodedKeySpec(octets(words[1]));
            publicKeys.put(words[1], KeyFactory.getInstance("EC", "BC").generatePublic(encoded));
        }
        Signature signature = signature(words[2]);
        signature.initVerify(publicKeys.get(words[1]));
        signature.update(octets(words[3]));
        return Boolean.toString(signature.verify(octets(words[4])));
    }

    private static String sign(String[] words) throws Exception {
        if (!privateKeys.containsKey(words[1])) {
            PKCS8EncodedKeySpec encoded = new PKCS8EncodedKeySpec(octets(words[1]));
            privateKeys.put(words[1], KeyFactory.getInstance("EC", "BC").generatePrivate(encoded));
        }
        Signature signature = signature(words[2]);
        signature.initSign(privateKeys.get(words[1]));
        signature.update(octets(words[3]));
        return Hex.toHexString(signature.sign());
    }

    private static X509Certificate certificate(String word) throws Exception {
        CertificateFactory factory = CertificateFactory.getInstance("X.509", "BC");
        return (X509Certificate) factory.generateCertificate(new ByteArrayInputStream(octets(word)));
    }

    private static String validatePath(String[] words) throws Exception {
        CertificateFactory factory = CertificateFactory.getInstance("X.509", "BC");
        List<X509Certificate> path = new ArrayList<>();
        for (String word : words[3].split(",")) {
            path.add(certificate(word));
        }
        List<Object> crls = new ArrayList<>();
        for (String word : words[4].split(",")) {
            crls.add(factory.generateCRL(new ByteArrayInputStream(octets(word))));
        }
        PKIXParameters parameters =
            new PKIXParameters(Set.of(new TrustAnchor(certificate(words[2]), null)));
        parameters.setDate(new Date(Long.parseLong(words[1])));
        parameters.addCertStore(
            CertStore.getInstance("Collection", new CollectionCertStoreParameters(crls), "BC"));
        try {
            CertPathValidator.getInstance("PKIX", "BC").validate(factory.generateCertPath(path), parameters);
            return "true";
        } catch (java.security.cert.CertPathValidatorException error) {
            return "false " + error.getMessage().replace('\n', ' ');
        }
    }

    private static String verifyMessage(String[] words) throws Exception {
        SignerInformation signer =
            new CMSSignedData(octets(words[1])).getSignerInfos().getSigners().iterator().next();
        try {
            return Boolean.toString(signer.verify(
                new JcaSimpleSignerInfoVerifierBuilder().setProvider("BC").build(certificate(words[2]))));
        } catch (CMSException error) {
            return "false " + error.getMessage().replace('\n', ' ');
        }
    }

    private static String status(String[] words) throws Exception {
        BasicOCSPResp response = (BasicOCSPResp) new OCSPResp(octets(words[1])).getResponseObject();
        X509CertificateHolder responder = new X509CertificateHolder(octets(words[2]));
        boolean valid = response.isSignatureValid(
            new JcaContentVerifierProviderBuilder().setProvider("BC").build(responder));
        SingleResp single = response.getResponses()[0];
        CertificateID asked = single.getCertID();
        BigInteger serial = new X509CertificateHolder(octets(words[3])).getSerialNumber();
        boolean matches = asked.getSerialNumber().equals(serial)
            && asked.matchesIssuer(
                new X509CertificateHolder(octets(words[4])),
                new JcaDigestCalculatorProviderBuilder().setProvider("BC").build());
        if (!valid || !matches) {
            return "invalid";
        }
        CertificateStatus status = single.getCertStatus();
        if (status == CertificateStatus.GOOD) {
            return "good";
        }
        return status instanceof RevokedStatus ? "revoked" : "unknown";
    }
}
